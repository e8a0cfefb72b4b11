//! The given surface before it is fitted: what cannot be a bone of the forearm
//! is refused, what can be mended without a guess is mended and noted.

use serde::Serialize;

use super::FitError;
use super::pose::principal;
use super::targets::Sample;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::SurfaceMesh;

/// The largest and smallest extents that a piece of an adult's distal radius or
/// ulna can have, in millimeters: along it, and across.
const LONGEST_MM: f64 = 340.0;
const WIDEST_MM: f64 = 52.0;
const SHORTEST_MM: f64 = 13.0;
const NARROWEST_MM: f64 = 9.0;
/// How many places of the given surface are compared.
const SAMPLES: usize = 6000;
/// Places for the search of the pose.
const POINTS: usize = 420;

/// Something about the given surface that the reader should know.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Note {
    /// It has open edges: a cut without a lid, or holes.
    OpenEdges {
        /// How many.
        edges: usize,
    },
    /// Vertices that lay on one another but were not one were welded.
    Welded {
        /// Open edges before.
        open_edges_before: usize,
    },
    /// Small pieces apart from the bone were left out.
    PiecesLeftOut {
        /// How many.
        pieces: usize,
        /// Their area in square millimeters.
        area_mm2: f64,
    },
    /// Triangles faced inward, and were turned.
    Turned,
    /// The bone is hollow: the inner surface of its cortex was left out.
    InnerSurface {
        /// Its area in square millimeters.
        area_mm2: f64,
    },
    /// The bone goes on beyond the model, which shows its distal part.
    BeyondModel {
        /// How long the given surface is, in millimeters.
        given_mm: f64,
    },
}

/// A surface that may be a bone of the forearm.
pub(super) struct Prepared {
    pub mesh: SurfaceMesh<Given>,
    pub border: Vec<[u32; 2]>,
    pub notes: Vec<Note>,
    pub length_mm: f64,
}

impl Prepared {
    pub(super) fn new(given: &SurfaceMesh<Given>) -> Result<Self, FitError> {
        size(given)?;
        let mut notes = Vec::new();
        let mut mesh = given.clone();
        let open = mesh.border().len();
        if open * 20 > mesh.triangles().len() {
            // A text file rounds the corners of neighbors apart.
            if let Ok(welded) = mesh.welded(1e-3)
                && welded.border().len() * 2 < open
            {
                mesh = welded;
                notes.push(Note::Welded {
                    open_edges_before: open,
                });
            }
        }
        mesh = one_bone(mesh, &mut notes)?;
        let turned = mesh.oriented();
        if turned.triangles() != mesh.triangles() {
            notes.push(Note::Turned);
            mesh = turned;
        }
        let border = mesh.border();
        if !border.is_empty() {
            notes.push(Note::OpenEdges {
                edges: border.len(),
            });
        }
        let points: Vec<_> = mesh.spread(POINTS).into_iter().map(|p| p.0).collect();
        let (_, _, extents) = principal(&points);
        shape(extents)?;
        Ok(Self {
            mesh,
            border,
            notes,
            length_mm: extents[0],
        })
    }

    /// The same surface of the other side.
    pub(super) fn mirrored(&self) -> Self {
        Self {
            mesh: self.mesh.mirrored_x(),
            border: self.border.clone(),
            notes: self.notes.clone(),
            length_mm: self.length_mm,
        }
    }

    /// Places for the search of the pose: more on a longer bone.
    pub(super) fn points(&self) -> Vec<[f64; 3]> {
        let longer = (self.length_mm / 80.0).clamp(1.0, 4.0);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a small count"
        )]
        let count = (POINTS as f64 * longer) as usize;
        self.mesh.spread(count).into_iter().map(|p| p.0).collect()
    }

    /// Places with normals and areas for the comparison.
    pub(super) fn samples(&self, locator: &Locator<'_, Given>) -> Vec<Sample> {
        #[allow(clippy::cast_precision_loss, reason = "a small count")]
        let area = self.mesh.area() / SAMPLES as f64;
        self.mesh
            .spread(SAMPLES)
            .into_iter()
            .map(|(place, triangle)| Sample {
                place,
                normal: locator.normal(triangle),
                area,
            })
            .collect()
    }
}

/// Refuses what is not in millimeters, or too large or small for a forearm.
fn size(given: &SurfaceMesh<Given>) -> Result<(), FitError> {
    let [low, high] = given.bounds();
    let largest = (0..3).map(|a| high[a] - low[a]).fold(0.0, f64::max);
    let unit = |unit| {
        Err(FitError::Unit {
            unit,
            extent: largest,
        })
    };
    match largest {
        x if x <= 0.0 => Err(FitError::Flat),
        x if x < 0.012 => unit("smaller than any bone in any common unit"),
        x if x < 0.6 => unit("meters"),
        x if x < 1.5 => unit("decimeters"),
        x if x < 14.5 => unit("inches or centimeters"),
        x if x > 5000.0 => unit("micrometers"),
        _ => Ok(()),
    }
}

/// Refuses extents (the longest first) that no piece of a forearm bone has.
fn shape(extents: [f64; 3]) -> Result<(), FitError> {
    let [length, width, depth] = extents;
    if length > LONGEST_MM || width > WIDEST_MM {
        return Err(FitError::TooLarge {
            length_mm: length,
            width_mm: width,
        });
    }
    if length < SHORTEST_MM || width < NARROWEST_MM {
        return Err(FitError::TooSmall {
            length_mm: length,
            width_mm: width,
        });
    }
    if depth < 2.0 {
        return Err(FitError::Flat);
    }
    Ok(())
}

/// Keeps the bone: leaves out specks, refuses a second large piece beside it.
fn one_bone(
    mesh: SurfaceMesh<Given>,
    notes: &mut Vec<Note>,
) -> Result<SurfaceMesh<Given>, FitError> {
    let pieces = mesh.pieces();
    let Some(first) = pieces.first() else {
        return Ok(mesh);
    };
    let bone = mesh.only(&first.triangles)?;
    let [low, high] = bone.bounds();
    let mut kept = first.triangles.clone();
    let (mut left_out, mut area) = (0, 0.0);
    for piece in &pieces[1..] {
        let apart = mesh.only(&piece.triangles)?;
        let [least, most] = apart.bounds();
        let within = (0..3).all(|a| least[a] > low[a] - 1.0 && most[a] < high[a] + 1.0);
        if !within && piece.area_mm2 > 0.25 * first.area_mm2 {
            return Err(FitError::SeveralBones {
                areas_mm2: [first.area_mm2, piece.area_mm2],
            });
        }
        // Patches of a torn surface stay; specks within a voxel's reach go.
        if within && piece.area_mm2 > 20.0 {
            kept.extend(&piece.triangles);
        } else {
            left_out += 1;
            area += piece.area_mm2;
        }
    }
    if left_out > 0 {
        notes.push(Note::PiecesLeftOut {
            pieces: left_out,
            area_mm2: area,
        });
        kept.sort_unstable();
        return Ok(mesh.only(&kept)?);
    }
    Ok(mesh)
}
