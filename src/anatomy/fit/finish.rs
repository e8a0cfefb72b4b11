//! The rest of the way for the bone and side that were chosen: the residual
//! field, the finest scale, the comparisons and how sure it all is.

use super::Asked;
use super::BoneFit;
use super::Candidate;
use super::CutKind;
use super::Figures;
use super::FitError;
use super::FoundLandmark;
use super::Note;
use super::figures::PLACES;
use super::figures::figures;
use super::figures::outer_only;
use super::fine::refine;
use super::pose::reach;
use super::predict;
use super::run::Faced;
use super::run::Tried;
use super::run::lowest;
use super::run::stage;
use super::solve::Fitted;
use super::solve::posterior;
use super::solve::solve;
use super::targets::Sample;
use super::targets::Scene;
use super::template::Template;
use crate::anatomy::Side;
use crate::geometry::GeometryError;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;

/// How the last steps weigh gaps: one of this size counts a quarter.
const GAP_MM: f64 = 2.5;
/// How many steps a kept part is given to find its place along the shaft.
const SETTLE: usize = 15;
/// The same while the mean alone is laid on.
const WIDE_GAP_MM: f64 = 5.0;

/// What the last steps work on.
pub(super) struct Finish<'a> {
    chosen: Tried<'a>,
    faced: &'a Faced,
    locator: &'a Locator<'a, Given>,
    samples: Vec<Sample>,
    inner_mm2: f64,
    /// Whether only a part was kept, and the rest is predicted.
    kept: bool,
}

impl<'a> Finish<'a> {
    pub(super) fn new(
        chosen: Tried<'a>,
        faced: &'a Faced,
        locator: &'a Locator<'a, Given>,
        asked: &Asked,
    ) -> Self {
        let samples = faced.prepared.samples(locator);
        let (samples, inner_mm2) = if asked.keep_proximal_mm.is_some() {
            (samples, 0.0)
        } else {
            let vertices = chosen.template.decode(&chosen.fitted.shape);
            outer_only(chosen.template, &vertices, &chosen.fitted.pose, samples)
        };
        Self {
            chosen,
            faced,
            locator,
            samples,
            inner_mm2,
            kept: asked.keep_proximal_mm.is_some(),
        }
    }

    fn template(&self) -> &'a Template<'a> {
        self.chosen.template
    }

    fn scene(&self, sparse: bool) -> Scene<'_> {
        Scene {
            locator: self.locator,
            samples: &self.samples,
            cover: self.chosen.cover.clone(),
            sparse,
            kept: self.kept,
        }
    }

    fn figures(
        &self,
        vertices: &[[f64; 3]],
        pose: &Rigid<Model, Given>,
    ) -> Result<Figures, FitError> {
        let cover = &self.chosen.cover;
        let template = self.template();
        figures(
            template,
            vertices,
            pose,
            self.locator,
            &self.samples,
            cover,
            PLACES,
        )
        .ok_or(FitError::Flat)
    }

    /// The figures of the first few modes alone, from the same pose.
    fn simpler(
        &self,
        pose: Rigid<Model, Given>,
        numbers: usize,
        steps: usize,
    ) -> Result<Figures, FitError> {
        let template = self.template();
        let start = Fitted::start(template, pose);
        let found = solve(
            template,
            &self.scene(true),
            start,
            &[stage(steps, numbers, WIDE_GAP_MM)],
        );
        let found = found.ok_or(FitError::Flat)?;
        self.figures(&template.decode(&found.shape), &found.pose)
    }

    /// Fits the rest and reports.
    pub(super) fn run(
        &self,
        candidates: Vec<Candidate>,
        progress: &mut dyn FnMut(&'static str, f64),
    ) -> Result<BoneFit, FitError> {
        let template = self.template();
        let modes = template.model.modes();
        // A shaft alone says little about where along it the joint lies: what
        // slides needs many steps.
        let settle = if self.kept { SETTLE } else { 3 };
        let full = [
            stage(settle, modes, GAP_MM),
            stage(8, template.numbers(), GAP_MM),
        ];
        let scene = self.scene(false);
        let start = self.chosen.fitted.clone();
        let fitted = solve(template, &scene, start, &full).ok_or(FitError::Flat)?;
        progress("the finest scale", 0.7);
        let vertices = template.decode(&fitted.shape);
        let vertices = refine(template, &scene, &fitted.pose, vertices);
        let found = self.figures(&vertices, &fitted.pose)?;
        progress("comparing with five modes and the mean", 0.85);
        let all_modes = self.simpler(fitted.pose, modes, 6)?;
        let five_modes = self.simpler(fitted.pose, modes.min(5), 12)?;
        let null = self.simpler(fitted.pose, 0, 15)?;
        progress("how sure it is", 0.95);
        let known = posterior(template, &scene, &fitted, GAP_MM).ok_or(FitError::Flat)?;
        let normals = template
            .model
            .mean()
            .with_vertices(vertices.clone())?
            .vertex_normals();
        let side = self.chosen.candidate.side;
        let outward = |xyz: [f64; 3]| unmirrored(side, fitted.pose.move_xyz(xyz));
        let landmarks = predict::landmarks(template, &vertices, &known);
        let up = fitted.pose.rotate([0.0, 0.0, 1.0]);
        let top = reach(self.faced.prepared.mesh.vertices(), up);
        #[allow(clippy::cast_precision_loss, reason = "tens of modes")]
        let mode_square =
            fitted.shape.iter().take(modes).map(|z| z * z).sum::<f64>() / modes as f64;
        Ok(BoneFit {
            bone: self.chosen.candidate.bone,
            side,
            candidates,
            surface: self.surface(vertices.iter().map(|v| outward(*v)).collect())?,
            sigma_mm: predict::vertex_sigma(template, &vertices, &normals, &known),
            figures: found,
            all_modes,
            five_modes,
            null,
            landmarks: landmarks
                .into_iter()
                .map(|(landmark, place, sigma_mm)| FoundLandmark {
                    landmark,
                    place: outward(place),
                    sigma_mm,
                })
                .collect(),
            measures: predict::radius_measures(template, &vertices, &known),
            mode_square,
            cut: self.chosen.cut,
            covered_mm: top - lowest(self.faced, up, self.chosen.cover.planes[0]),
            notes: self.notes(),
        })
    }

    /// The fitted surface, facing outward on either side.
    fn surface(&self, vertices: Vec<[f64; 3]>) -> Result<SurfaceMesh<Given>, GeometryError> {
        let triangles = self.template().model.mean().triangles().iter();
        let triangles = triangles.map(|t| match self.chosen.candidate.side {
            Side::Right => *t,
            Side::Left => [t[0], t[2], t[1]],
        });
        SurfaceMesh::new(vertices, triangles.collect())
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = self.faced.prepared.notes.clone();
        if self.inner_mm2 > 20.0 {
            notes.push(Note::InnerSurface {
                area_mm2: self.inner_mm2,
            });
        }
        if self.chosen.cut == CutKind::BeyondModel {
            notes.push(Note::BeyondModel {
                given_mm: self.faced.prepared.length_mm,
            });
        }
        notes
    }
}

/// A place of the surface as it was looked at, in the axes in which it was given.
const fn unmirrored(side: Side, [x, y, z]: [f64; 3]) -> [f64; 3] {
    match side {
        Side::Right => [x, y, z],
        Side::Left => [-x, y, z],
    }
}
