//! What a network said, refined against the views themselves by the shape model.

use super::BoneModel;
use super::Fit;
use super::Origin;
use super::VIEWS_APART;
use super::View;
use super::WristModel;
use super::fit::Cast;
use super::fit::fit;
use super::from_views::scale_sd;
use super::from_views::seen;
use super::refinement::Refined;
use super::refinement::refine_shape;
use super::shot::Shot;
use crate::analyze::AnalyzeError;
use crate::anatomy::Forearm;
use crate::anatomy::ForearmModel;
use crate::anatomy::Measure;
use crate::anatomy::Side as Arm;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::names::Digest;
use crate::raster::Radiograph;
use crate::wire::MeasuredOn;
use crate::wire::ModelStamp;

/// What the intervals of refinement were set on: validation people of generator A.
const MEASURED_N: u32 = 40;

/// The bones that the views ask for when the shape model starts where some bones are
/// said to lie. None where they lead nowhere.
pub(super) fn refined(
    said: &BoneModel,
    radiographs: [&Radiograph; 2],
    model: &WristModel,
) -> Result<Option<BoneModel>, AnalyzeError> {
    let shots = said.views.each_ref().map(|view| &view.shot);
    let views = seen(shots, radiographs);
    let starts = said.views.each_ref().map(|view| Some(view.poses[0]));
    let found = refine_shape(&model.forearm, &views, scale_sd(radiographs), &starts)?;
    let Some(found) = found else {
        return Ok(None);
    };
    let (folded, poses) = together(&found);
    let apart = poses[0][0].inverse().then(&poses[1][0]).angle();
    if !VIEWS_APART.contains(&apart.to_degrees()) {
        return Ok(None);
    }
    let cast = Cast::new(&folded)?;
    let view = |which: usize| -> Result<View, AnalyzeError> {
        Ok(View {
            poses: poses[which],
            fit: fit_of(&cast, shots[which], &poses[which])?,
            ..said.views[which].clone()
        })
    };
    let views = [view(0)?, view(1)?];
    let forearm = match said.side {
        Arm::Right => folded.clone(),
        Arm::Left => folded.mirrored_x(),
    };
    Ok(Some(BoneModel {
        side: said.side,
        landmarks: model.forearm.landmarks().on(&forearm)?,
        measures: found.measures,
        forearm,
        log_variance: found.shape_sd.iter().map(|sd| 2.0 * sd.ln()).collect(),
        folded,
        views,
        origin: origin(&found)?,
        latent: found.shape,
    }))
}

/// Both bones in the radius' frame, as the first view shows them lying, and where they
/// lie in each view then.
fn together(found: &Refined) -> (Forearm<Model>, [[Rigid<Model, Detector>; 2]; 2]) {
    let [first, second] = [0, 1].map(|view| found.poses[view]);
    let seat = first[1].then(&first[0].inverse());
    let back = seat.inverse();
    let folded = Forearm {
        radius: found.own.radius.clone(),
        ulna: found.own.ulna.moved(&seat),
    };
    let poses = [first, second].map(|[radius, ulna]| [radius, back.then(&ulna)]);
    (folded, poses)
}

fn fit_of(
    cast: &Cast,
    shot: &Shot,
    poses: &[Rigid<Model, Detector>; 2],
) -> Result<Fit, AnalyzeError> {
    let part = |bone: usize| cast.project(shot, bone, &poses[bone]);
    Ok(fit(shot, [&part(0)?, &part(1)?], 1))
}

/// The model that made them; how far each measure may be off it says itself.
fn origin(found: &Refined) -> Result<Origin, AnalyzeError> {
    let (name, card) = ForearmModel::shipped_card();
    let of = |(measure, sigma): (Measure, f64)| (measure.key().to_owned(), 1.96 * sigma);
    Ok(Origin {
        model: ModelStamp {
            id: name.parse().map_err(|_| AnalyzeError::Model {
                why: format!("its name {name} is none"),
            })?,
            digest: Digest::of(card),
        },
        provider: "cpu",
        measured_on: MeasuredOn::SimulatedXray,
        measured_n: MEASURED_N,
        half_width_95: Measure::ALL
            .into_iter()
            .zip(found.measure_sigma)
            .map(of)
            .collect(),
    })
}
