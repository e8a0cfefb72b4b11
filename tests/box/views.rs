//! Reconstruction from the views alone: what a study may get wrong, each with its own
//! answer and no bone.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use bonebox::analyze::{Code, FromViews, from_views};
use bonebox::anatomy::ForearmModel;
use bonebox::phantom::{Generator, Specimen, SpecimenXray, Take};
use bonebox::study::Refusal;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;

use crate::xray::{Header, photometric, write_pixels};

/// A validation person of generator A before the detector.
struct Visit {
    folder: tempfile::TempDir,
    model: ForearmModel,
    /// PA and lateral, and a PA of another day.
    xrays: [SpecimenXray; 3],
}

fn visit() -> Visit {
    let specimen = Specimen::for_xray(Generator::A, 1_000_102).unwrap();
    let take = |day: u64, take: Take| {
        let mut xrays = specimen.radiographs(day, &[take]).unwrap();
        xrays.remove(0)
    };
    Visit {
        folder: tempfile::tempdir().unwrap(),
        model: ForearmModel::shipped().unwrap(),
        xrays: [
            take(1, Take::PosteroAnterior),
            take(1, Take::Lateral),
            take(2, Take::PosteroAnterior),
        ],
    }
}

impl Visit {
    /// One of the X-rays as a file that calls itself this view.
    fn file(&self, which: usize, view: &'static str, change: impl Fn(&mut Header)) -> PathBuf {
        let xray = &self.xrays[which];
        let path = self.folder.path().join(format!("{which}-{view}.dcm"));
        let mut header = Header {
            body_part: "WRIST",
            view,
            laterality: if xray.side.letter() == 'R' { "R" } else { "L" },
            spacing_mm: Some(xray.camera.pixel_spacing_mm),
            sid_mm: Some(xray.camera.sid_mm),
        };
        change(&mut header);
        let photometric = photometric(xray.photometric);
        let size = [xray.camera.rows, xray.camera.columns].map(|n| u16::try_from(n).unwrap());
        write_pixels(&path, &xray.pixels, size, photometric, &header);
        path
    }

    fn answer(&self, images: &[PathBuf]) -> Result<FromViews, Vec<Refusal>> {
        from_views(images, &self.model).unwrap()
    }

    fn refused(&self, images: &[PathBuf], code: Code) {
        let codes: Vec<String> = self
            .answer(images)
            .map(|_| Vec::new())
            .unwrap_or_else(|reasons| reasons.into_iter().map(|r| r.code).collect());
        assert_eq!(codes, [code.name()]);
    }
}

/// Changes numbers of a file's header.
fn put(path: &Path, numbers: &[(Tag, u16)]) {
    let mut object = dicom_object::open_file(path).unwrap();
    for (tag, number) in numbers {
        object.put(DataElement::new(
            *tag,
            VR::US,
            PrimitiveValue::from(*number),
        ));
    }
    object.write_to_file(path).unwrap();
}

#[test]
fn a_pair_that_lacks_something_has_its_own_answer() {
    let visit = visit();
    let [pa, lateral] = [(0, "PA"), (1, "LL")].map(|(which, view)| visit.file(which, view, |_| ()));
    visit.refused(std::slice::from_ref(&pa), Code::NoWristLateral);
    visit.refused(std::slice::from_ref(&lateral), Code::NoWristPa);
    put(&pa, &[(tags::ROWS, 10_000), (tags::COLUMNS, 10_000)]);
    visit.refused(&[pa.clone(), lateral.clone()], Code::ImageTooLarge);
    let pa = visit.file(0, "PA", |_| ());
    put(&pa, &[(tags::BITS_STORED, 4), (tags::HIGH_BIT, 3)]);
    visit.refused(&[pa, lateral.clone()], Code::UnsuitableImage);
    let pa = visit.file(0, "PA", |header| header.spacing_mm = None);
    visit.refused(&[pa, lateral], Code::NoCalibration);
}

#[test]
fn a_pair_is_reconstructed_and_two_of_one_view_are_not() {
    let visit = visit();
    let [pa, lateral] = [(0, "PA"), (1, "LL")].map(|(which, view)| visit.file(which, view, |_| ()));
    let found = visit.answer(&[pa.clone(), lateral]).unwrap();
    assert_eq!(found.side.letter(), visit.xrays[0].side.letter());
    let second = visit.file(2, "LL", |_| ());
    visit.refused(&[pa, second], Code::SameView);
}

#[test]
fn swapped_views_and_the_other_arm_are_told() {
    let visit = visit();
    let swapped = [visit.file(1, "PA", |_| ()), visit.file(0, "LL", |_| ())];
    visit.refused(&swapped, Code::ViewsSwapped);
    let other = |header: &mut Header| {
        header.laterality = if header.laterality == "R" { "L" } else { "R" };
    };
    let marked = [(0, "PA"), (1, "LL")].map(|(which, view)| visit.file(which, view, other));
    visit.refused(&marked, Code::LateralityConflict);
}
