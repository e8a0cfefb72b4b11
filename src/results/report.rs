//! The measures as a Comprehensive 3D SR after TID 1500, Measurement Report
//! (PS3.16): a measurement group for each bone, each figure with its unit, the
//! half-width of its interval, its method, and what its error was measured on.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codes::{Code, laterality, site};
use super::content::{
    CONCEPT_MODIFIER, CONTAINS, CONTEXT, PROPERTIES, code, container, number, point, text, uid,
    with,
};
use super::dataset::{Put, common, finish, series_of};
use super::{COMPREHENSIVE_3D_SR, ResultInput, ResultObject, ResultsError};
use crate::anatomy::Bone;
use crate::anatomy::Measure;
use crate::names::InstanceUid;
use crate::names::SeriesUid;
use crate::names::Uid;
use crate::wire::Figure;
use crate::wire::MeasuredOn;
use crate::wire::NOTICE_EN;

/// Writes the report.
pub(super) fn write(input: &ResultInput<'_>) -> Result<ResultObject, ResultsError> {
    for figure in input.figures {
        let numbers = [figure.value, figure.half_width_95];
        if numbers
            .into_iter()
            .flatten()
            .any(|value| !value.is_finite())
        {
            return Err(ResultsError::NotFinite {
                name: figure.name.clone(),
            });
        }
    }
    let class = COMPREHENSIVE_3D_SR.parse()?;
    let instance: Uid<InstanceUid> = input.uid("sr")?;
    let series: Uid<SeriesUid> = input.uid("sr-series")?;

    let mut set = common(input, COMPREHENSIVE_3D_SR);
    // SR document series and general.
    set.text(tags::MODALITY, VR::CS, "SR");
    set.text(tags::SERIES_INSTANCE_UID, VR::UI, series.as_str());
    set.text(tags::SERIES_NUMBER, VR::IS, "9002");
    set.text(tags::SERIES_DESCRIPTION, VR::LO, "bonebox measures");
    set.items(
        tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
        Vec::new(),
    );
    set.text(tags::INSTANCE_NUMBER, VR::IS, "1");
    set.text(tags::COMPLETION_FLAG, VR::CS, "COMPLETE");
    set.text(tags::COMPLETION_FLAG_DESCRIPTION, VR::LO, NOTICE_EN);
    set.text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED");
    set.items(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new());
    if !input.sources.is_empty() {
        set.items(
            tags::PERTINENT_OTHER_EVIDENCE_SEQUENCE,
            vec![evidence(input)],
        );
    }
    // The root of the tree.
    set.text(tags::VALUE_TYPE, VR::CS, "CONTAINER");
    set.code(
        tags::CONCEPT_NAME_CODE_SEQUENCE,
        &Code::dcm("126000", "Imaging Measurement Report"),
    );
    set.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    set.items(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template()]);
    let set = with(set, tree(input)?);
    finish(set, "report", "measures.dcm", class, instance)
}

fn template() -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    item.text(tags::MAPPING_RESOURCE, VR::CS, "DCMR");
    item.text(tags::TEMPLATE_IDENTIFIER, VR::CS, "1500");
    item
}

/// The images used, by study and series.
fn evidence(input: &ResultInput<'_>) -> InMemDicomObject {
    let mut study = InMemDicomObject::new_empty();
    study.items(
        tags::REFERENCED_SERIES_SEQUENCE,
        series_of(input, tags::REFERENCED_SOP_SEQUENCE),
    );
    study.text(tags::STUDY_INSTANCE_UID, VR::UI, input.study_uid.as_str());
    study
}

/// Everything below the root.
fn tree(input: &ResultInput<'_>) -> Result<Vec<InMemDicomObject>, ResultsError> {
    let device: Uid<()> = input.uid("device")?;
    let mut groups = Vec::new();
    for bone in Bone::ALL {
        if let Some(group) = group(input, bone)? {
            groups.push(group);
        }
    }
    let language = code(
        CONCEPT_MODIFIER,
        &Code::dcm("121049", "Language of Content Item and Descendants"),
        &Code::rfc5646("en", "English"),
    );
    Ok(vec![
        language,
        code(
            CONTEXT,
            &Code::dcm("121005", "Observer Type"),
            &Code::dcm("121007", "Device"),
        ),
        uid(
            CONTEXT,
            &Code::dcm("121012", "Device Observer UID"),
            device.as_str(),
        ),
        text(
            CONTEXT,
            &Code::dcm("121013", "Device Observer Name"),
            "bonebox",
        ),
        text(
            CONTEXT,
            &Code::dcm("121016", "Device Observer Serial Number"),
            input.device,
        ),
        code(
            CONCEPT_MODIFIER,
            &Code::dcm("121058", "Procedure reported"),
            &Code::sct("168537006", "Plain radiography"),
        ),
        text(CONTAINS, &Code::dcm("121106", "Comment"), NOTICE_EN),
        container(
            CONTAINS,
            &Code::dcm("126010", "Imaging Measurements"),
            groups,
        ),
    ])
}

/// The measurement group of one bone, if there is anything about it.
fn group(input: &ResultInput<'_>, bone: Bone) -> Result<Option<InMemDicomObject>, ResultsError> {
    let figures = input
        .figures
        .iter()
        .filter(|figure| bone_of(figure) == bone);
    let mut content: Vec<InMemDicomObject> =
        figures.map(|figure| measurement(input, figure)).collect();
    let frame: Uid<()> = input.uid("frame-of-reference")?;
    for (landmark, place_mm) in input.landmarks {
        if landmark.bone() == bone {
            let name = words(&format!("{landmark:?}"));
            let concept = Code::own(&format!("lm-{}", short(&name)), &name);
            content.push(point(CONTAINS, &concept, *place_mm, frame.as_str()));
        }
    }
    if content.is_empty() {
        return Ok(None);
    }
    let tracking: Uid<()> = input.uid(&format!("tracking-{}", bone.name()))?;
    let mut children = vec![
        text(
            CONTEXT,
            &Code::dcm("112039", "Tracking Identifier"),
            bone.name(),
        ),
        uid(
            CONTEXT,
            &Code::dcm("112040", "Tracking Unique Identifier"),
            tracking.as_str(),
        ),
        with(
            code(
                CONCEPT_MODIFIER,
                &Code::sct("363698007", "Finding Site"),
                &site(bone),
            ),
            vec![code(
                CONCEPT_MODIFIER,
                &Code::sct("272741003", "Laterality"),
                &laterality(input.side),
            )],
        ),
    ];
    children.append(&mut content);
    Ok(Some(container(
        CONTAINS,
        &Code::dcm("125007", "Measurement Group"),
        children,
    )))
}

/// A figure with everything that makes it more than a number.
fn measurement(input: &ResultInput<'_>, figure: &Figure) -> InMemDicomObject {
    let measure = Measure::ALL
        .into_iter()
        .find(|measure| measure.key() == figure.name);
    let name = measure.map_or_else(|| words(&figure.name), |measure| measure.name().to_owned());
    let item = number(
        CONTAINS,
        &Code::own(&short(&name), &name),
        figure.value,
        &figure.unit,
    );
    let mut children = vec![
        text(
            CONCEPT_MODIFIER,
            &Code::dcm("111001", "Algorithm Name"),
            figure.model.id.as_str(),
        ),
        text(
            CONCEPT_MODIFIER,
            &Code::dcm("111003", "Algorithm Version"),
            env!("CARGO_PKG_VERSION"),
        ),
        text(
            CONCEPT_MODIFIER,
            &Code::dcm("111002", "Algorithm Parameters"),
            &format!("model card sha256 {}", figure.model.digest),
        ),
        code(
            CONCEPT_MODIFIER,
            &Code::sct("272741003", "Laterality"),
            &laterality(input.side),
        ),
        text(
            PROPERTIES,
            &Code::own("figure-name", "Machine-readable name of the figure"),
            &figure.name,
        ),
        text(
            PROPERTIES,
            &Code::own("method", "How the value was computed"),
            &figure.method,
        ),
        text(
            PROPERTIES,
            &Code::own("measured-on", "What the error was measured on"),
            &measured_on(figure),
        ),
    ];
    if figure.value.is_some() && figure.half_width_95.is_some() {
        children.push(number(
            PROPERTIES,
            &Code::own("half-width-95", "Half-width of the stated 95 % interval"),
            figure.half_width_95,
            &figure.unit,
        ));
    }
    with(item, children)
}

/// Which bone a figure is about: the one it is named for.
fn bone_of(figure: &Figure) -> Bone {
    if figure.name.starts_with("uln") {
        Bone::Ulna
    } else {
        Bone::Radius
    }
}

fn measured_on(figure: &Figure) -> String {
    let what = match figure.measured_on {
        MeasuredOn::Synthetic => "invented shapes, no image",
        MeasuredOn::SimulatedXray => "simulated X-rays of invented bones",
        MeasuredOn::Phantom => "a phantom with known truth",
        MeasuredOn::Real => "real images with known truth",
    };
    format!("{what}, {} cases", figure.measured_n)
}

/// `RadialStyloidTip` and `radial_styloid_tip` as words: "Radial styloid tip".
fn words(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c == '_' {
            text.push(' ');
        } else if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
            text.push(c.to_ascii_lowercase());
        } else if text.is_empty() {
            text.push(c.to_ascii_uppercase());
        } else {
            text.push(c);
        }
    }
    text
}

/// A code value of at most 16 characters: the first letters of each word, so
/// that values of different names stay different: "Radial styloid tip" is
/// `radi-styl-tip`.
fn short(name: &str) -> String {
    let parts: Vec<String> = name
        .split(' ')
        .map(|word| word.chars().take(4).collect::<String>().to_lowercase())
        .collect();
    parts.join("-").chars().take(13).collect()
}
