//! `bonebox solve CASE.inp --out DIR --json FILE`: solves a CalculiX deck of tetrahedra
//! and writes what came out.
//!
//! ```text
//! DIR/CASE.vtu    displacement [mm] at the nodes, stress [MPa] in the elements
//! ```

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use serde_json::Value;
use serde_json::json;

use super::deck;
use super::deck::Deck;
use super::deck::DeckError;
use super::vtu::Values;
use super::vtu::write_vtu;
use super::{Verdict, WorkbenchError, write_json};
use crate::mechanics::Solution;
use crate::mechanics::Solver;
use crate::mechanics::Threads;
use crate::mechanics::element_stress;

/// A deck of more bytes is not read.
const MOST_BYTES: u64 = 4 << 30;

/// What `solve` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct SolveArgs {
    /// The CalculiX deck.
    pub case: PathBuf,
    /// The folder for the results.
    #[arg(long)]
    pub out: PathBuf,
    /// Writes the answer as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The true relative residual at which to stop.
    #[arg(long, default_value_t = 1e-9)]
    pub residual: f64,
    /// How many threads may work; the result does not depend on it.
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Solves a deck. A deck that is refused is said so with its line, on standard error and in
/// the answer.
///
/// # Errors
/// [`WorkbenchError`] where a file cannot be read or written.
pub fn run(args: &SolveArgs) -> Result<Verdict, WorkbenchError> {
    let begun = Instant::now();
    match solve(args) {
        Ok(solved) => {
            let answer = solved.answer(begun.elapsed());
            say(&format!("{}\n", summary(&answer)))?;
            if let Some(path) = &args.json {
                write_json(path, &answer)?;
            }
            Ok(Verdict::Done)
        }
        Err(Fault::Refused(why)) => refuse(&args.case, &chain(&why), args.json.as_deref()),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Why there is no answer.
enum Fault {
    /// The deck is to blame.
    Refused(DeckError),
    /// The machine is.
    Failed(WorkbenchError),
}

/// A solved deck.
struct Solved {
    deck: Deck,
    solution: Solution,
    threads: Threads,
}

fn solve(args: &SolveArgs) -> Result<Solved, Fault> {
    let fault = |what: &str, error: std::io::Error| {
        let place = args.case.display();
        Fault::Failed(WorkbenchError::Step(format!("{what} {place}: {error}")))
    };
    let size = fs::metadata(&args.case)
        .map_err(|e| fault("reading", e))?
        .len();
    if size > MOST_BYTES {
        return Err(Fault::Refused(DeckError::TooLarge { line: 1 }));
    }
    let bytes = fs::read(&args.case).map_err(|e| fault("reading", e))?;
    let deck = deck::read(&bytes).map_err(Fault::Refused)?;
    drop(bytes);
    let solver = Solver {
        residual: args.residual,
        threads: args.threads.map_or_else(Threads::every_core, Threads::new),
        ..Solver::default()
    };
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        progress.set_style(style);
    }
    progress.set_message(format!(
        "{} elements: building levels",
        deck.mesh.elements()
    ));
    progress.enable_steady_tick(Duration::from_millis(200));
    let mut step = |iteration: usize, residual: f64| {
        progress.set_message(format!("iteration {iteration}, residual {residual:.1e}"));
    };
    let solution = solver.solve(&deck.mesh, &deck.elastic, &deck.case, &mut step);
    progress.finish_and_clear();
    let solution = solution.map_err(|error| Fault::Refused(deck.explain(error)))?;
    let solved = Solved {
        deck,
        solution,
        threads: solver.threads,
    };
    fs::create_dir_all(&args.out).map_err(|e| fault("writing results of", e))?;
    let name = args.case.file_stem().unwrap_or_default();
    let path = args.out.join(name).with_extension("vtu");
    fs::write(path, solved.picture()).map_err(|e| fault("writing results of", e))?;
    Ok(solved)
}

impl Solved {
    /// The displacements and stresses as a VTU file.
    fn picture(&self) -> Vec<u8> {
        let Deck { mesh, elastic, .. } = &self.deck;
        let moved = &self.solution.displacement_mm;
        let stress = element_stress(mesh, elastic, moved, self.threads);
        let nodes = [Values {
            name: "displacement [mm]",
            components: 3,
            values: moved.iter().flatten().copied().collect(),
        }];
        let elements = [
            Values {
                // VTK's order of a symmetric tensor: xx, yy, zz, xy, yz, xz.
                name: "stress [MPa]",
                components: 6,
                values: stress.iter().flat_map(|s| s.0).collect(),
            },
            Values {
                name: "von Mises stress [MPa]",
                components: 1,
                values: stress.iter().map(|s| s.von_mises()).collect(),
            },
        ];
        write_vtu(mesh, &nodes, &elements)
    }

    /// The machine's answer.
    fn answer(&self, took: Duration) -> Value {
        let solution = &self.solution;
        let mut largest = [0.0_f64; 3];
        for moved in &solution.displacement_mm {
            for axis in 0..3 {
                largest[axis] = largest[axis].max(moved[axis].abs());
            }
        }
        let mut reactions = serde_json::Map::new();
        for (name, held) in &self.deck.held {
            let mut sum = [0.0; 3];
            for (node, axis) in held {
                sum[*axis] += solution.reaction_n[*node as usize][*axis];
            }
            reactions.insert(name.clone(), json!(sum));
        }
        let mut total = [0.0; 3];
        for reaction in &solution.reaction_n {
            for axis in 0..3 {
                total[axis] += reaction[axis];
            }
        }
        reactions.insert("total".into(), json!(total));
        json!({
            "nodes": self.deck.mesh.nodes().len(),
            "elements": self.deck.mesh.elements(),
            "max_abs_u_mm": largest,
            "strain_energy_n_mm": solution.strain_energy_n_mm,
            "reaction_n": reactions,
            "iterations": solution.iterations,
            "residual": solution.residual,
            "imbalance": solution.imbalance,
            "multigrid_levels": solution.levels,
            "threads": self.threads.get(),
            "seconds": took.as_secs_f64(),
            "peak_rss_mb": peak_rss_mb(),
        })
    }
}

/// A few lines for a person.
fn summary(answer: &Value) -> String {
    let lines = [
        ("elements", "elements", ""),
        ("largest displacement x, y, z", "max_abs_u_mm", " mm"),
        ("strain energy", "strain_energy_n_mm", " N mm"),
        ("iterations", "iterations", ""),
        ("true relative residual", "residual", ""),
        ("time", "seconds", " s"),
        ("peak memory", "peak_rss_mb", " MB"),
    ];
    let lines = lines.map(|(label, key, unit)| format!("{label:<30}{}{unit}", answer[key]));
    lines.join("\n")
}

/// The most memory that this process has held, in megabytes of 2^20 bytes; `None` where the
/// system does not say.
pub(super) fn peak_rss_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// Says why an input was refused.
pub(super) fn refuse(
    input: &Path,
    why: &str,
    json: Option<&Path>,
) -> Result<Verdict, WorkbenchError> {
    let shown = input.display();
    writeln!(std::io::stderr(), "refused: {shown}: {why}")
        .map_err(|error| WorkbenchError::Step(error.to_string()))?;
    if let Some(path) = json {
        write_json(path, &json!({"refused": why}))?;
    }
    Ok(Verdict::Refused)
}

/// Writes to standard output.
pub(super) fn say(text: &str) -> Result<(), WorkbenchError> {
    let fault = |source| WorkbenchError::Answer {
        path: "standard output".into(),
        source,
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(fault)
}

/// An error and what caused it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
