//! A loaded body at rest: displacements, reactions, energy, and proof that they
//! are the answer.
//!
//! After the iteration the residual is computed anew from the elements' own
//! forces, without the matrix; the reactions must balance the loads, and the work
//! of the loads must be the energy stored. What fails is an error, never a number.

use nalgebra::Matrix6;
use nalgebra::SymmetricEigen;

use super::Elastic;
use super::MechanicsError;
use super::TetMesh;
use super::Threads;
use super::amg::Multigrid;
use super::assembly::Body;
use super::assembly::Held;
use super::iterate;
use super::iterate::Ended;
use super::iterate::Preconditioner;
use super::iterate::Stop;
use super::iterate::product;
use super::mesh::at;
use super::order::Ordered;
use super::order::ordered;

/// A node that is held, or moved by a given way, in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Support {
    /// The node.
    pub node: u32,
    /// 0, 1 or 2: x, y or z.
    pub axis: usize,
    /// Its displacement in millimeters.
    pub displacement_mm: f64,
}

/// A force on a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// The node.
    pub node: u32,
    /// The force in newtons.
    pub force_n: [f64; 3],
}

/// How a model is held and loaded. Loads on one node add up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Case {
    /// What is held.
    pub supports: Vec<Support>,
    /// What pulls.
    pub loads: Vec<Load>,
}

/// Which preconditioner to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Multigrid; block Jacobi where it cannot be built or breaks down.
    Multigrid,
    /// Block Jacobi.
    BlockJacobi,
}

/// How to solve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solver {
    /// The true residual over the right-hand side at which to stop.
    pub residual: f64,
    /// Steps after which a solve has failed.
    pub iterations: usize,
    /// What to begin with.
    pub method: Method,
    /// How many threads may work.
    pub threads: Threads,
}

impl Default for Solver {
    fn default() -> Self {
        Self {
            residual: 1e-9,
            iterations: 20_000,
            method: Method::Multigrid,
            threads: Threads::every_core(),
        }
    }
}

/// A solved case. The vectors have one entry for each node of the mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Where each node went, in millimeters.
    pub displacement_mm: Vec<[f64; 3]>,
    /// What holds each node, in newtons; zero where nothing does.
    pub reaction_n: Vec<[f64; 3]>,
    /// The energy stored, in newton millimeters.
    pub strain_energy_n_mm: f64,
    /// Steps taken.
    pub iterations: usize,
    /// The residual computed from the elements, over the right-hand side.
    pub residual: f64,
    /// The sum of loads and reactions, over the sum of their sizes.
    pub imbalance: f64,
    /// Levels of the multigrid; 0 where block Jacobi was used.
    pub levels: usize,
}

/// Loads and reactions must cancel to this part of their sizes, the work of the
/// loads must be the energy to this part.
const BALANCED: f64 = 1e-6;
/// So often the iteration may begin anew at its own true residual.
const REFINEMENTS: usize = 4;
/// A rigid motion that the supports resist less than this, over the one they
/// resist most, is free.
const FREE: f64 = 1e-12;

impl Solver {
    /// Solves a case. `step(iteration, relative residual)` reports progress.
    ///
    /// # Errors
    /// [`MechanicsError`]: what is missing or contradictory in the model, a body
    /// that is not held, or a solution that did not pass its checks.
    pub fn solve(
        &self,
        mesh: &TetMesh,
        elastic: &[Elastic],
        case: &Case,
        step: &mut dyn FnMut(usize, f64),
    ) -> Result<Solution, MechanicsError> {
        if elastic.len() != mesh.elements() {
            return Err(MechanicsError::Unpaired {
                materials: elastic.len(),
                elements: mesh.elements(),
            });
        }
        let order = ordered(mesh, self.threads)?;
        let model = Model::new(&order, mesh, case)?;
        check_held(&order, &model)?;
        let elastic: Vec<Elastic> = order.element_was.iter().map(|e| elastic[at(*e)]).collect();
        let body = Body::new(&order.mesh, &elastic);
        let found = self.find(&body, &model, step)?;
        let mut solution = check_balance(&body, &model, found, self.threads)?;
        let restore = |inner: &[[f64; 3]], mut outer: Vec<[f64; 3]>| {
            for (value, old) in inner.iter().zip(&order.node_was) {
                outer[at(*old)] = *value;
            }
            outer
        };
        solution.displacement_mm = restore(&solution.displacement_mm, lonely(mesh, case));
        let nothing = vec![[0.0; 3]; mesh.nodes().len()];
        solution.reaction_n = restore(&solution.reaction_n, nothing);
        Ok(solution)
    }

    /// Iterates until the true residual is small enough.
    fn find(
        &self,
        body: &Body,
        model: &Model,
        step: &mut dyn FnMut(usize, f64),
    ) -> Result<Found, MechanicsError> {
        let threads = self.threads;
        let matrix = body.stiffness(&model.held, threads);
        let mut method = self.method;
        let mut preconditioner = Preconditioner::block_jacobi(&matrix);
        let mut levels = 0;
        if method == Method::Multigrid {
            match Multigrid::new(&matrix, body.mesh.nodes(), &model.held, threads) {
                Some(multigrid) => {
                    levels = multigrid.levels();
                    preconditioner = Preconditioner::Multigrid(Box::new(multigrid));
                }
                None => method = Method::BlockJacobi,
            }
        }
        let mut displacement = model.given.clone();
        let mut forces = body.forces(&displacement, threads);
        let mut gap = model.gap(&forces);
        let scale = product(&gap, &gap, threads).sqrt();
        let (mut iterations, mut relative) = (0, if scale > 0.0 { 1.0 } else { 0.0 });
        let mut refinements = 0;
        while relative > self.residual {
            let stop = Stop {
                residual: 0.5 * self.residual * scale,
                iterations: self.iterations.saturating_sub(iterations),
            };
            let before = iterations;
            let mut counted = 0;
            let mut report = |norm: f64| {
                counted += 1;
                step(before + counted, norm / scale);
            };
            let (change, taken, ended) = iterate::solve(
                &matrix,
                gap,
                &mut preconditioner,
                stop,
                threads,
                &mut report,
            );
            iterations += taken;
            for (sum, more) in displacement
                .iter_mut()
                .flatten()
                .zip(change.iter().flatten())
            {
                *sum += more;
            }
            forces = body.forces(&displacement, threads);
            gap = model.gap(&forces);
            relative = product(&gap, &gap, threads).sqrt() / scale;
            refinements += 1;
            if relative <= self.residual {
                break;
            }
            let fail = MechanicsError::NotConverged {
                iterations,
                residual: relative,
                wanted: self.residual,
            };
            if ended == Ended::BrokeDown && method == Method::Multigrid {
                preconditioner = Preconditioner::block_jacobi(&matrix);
                (method, levels) = (Method::BlockJacobi, 0);
            } else if ended != Ended::Converged || refinements > REFINEMENTS {
                return Err(fail);
            }
        }
        Ok(Found {
            displacement,
            forces,
            iterations,
            relative,
            levels,
        })
    }
}

/// What the iteration found.
struct Found {
    displacement: Vec<[f64; 3]>,
    /// The forces that the elements need for it.
    forces: Vec<[f64; 3]>,
    iterations: usize,
    relative: f64,
    levels: usize,
}

/// A case on an ordered mesh.
struct Model {
    held: Vec<Held>,
    /// The displacements of held directions; zero elsewhere.
    given: Vec<[f64; 3]>,
    load: Vec<[f64; 3]>,
}

impl Model {
    fn new(order: &Ordered, mesh: &TetMesh, case: &Case) -> Result<Self, MechanicsError> {
        let nodes = order.mesh.nodes().len();
        let mut model = Self {
            held: vec![[false; 3]; nodes],
            given: vec![[0.0; 3]; nodes],
            load: vec![[0.0; 3]; nodes],
        };
        for support in &case.supports {
            let Support {
                node,
                axis,
                displacement_mm,
            } = *support;
            if at(node) >= mesh.nodes().len() || axis > 2 || !displacement_mm.is_finite() {
                return Err(MechanicsError::BadSupport { node, axis });
            }
            // A node of no element may be held; it touches nothing.
            let Some(inner) = order.node_is[at(node)].map(at) else {
                continue;
            };
            let given = &mut model.given[inner][axis];
            if model.held[inner][axis] && given.to_bits() != displacement_mm.to_bits() {
                return Err(MechanicsError::BadSupport { node, axis });
            }
            model.held[inner][axis] = true;
            *given = displacement_mm;
        }
        for load in &case.loads {
            let inner = order.node_is.get(at(load.node)).copied().flatten();
            let Some(inner) = inner.filter(|_| load.force_n.iter().all(|f| f.is_finite())) else {
                return Err(MechanicsError::BadLoad { node: load.node });
            };
            for axis in 0..3 {
                model.load[at(inner)][axis] += load.force_n[axis];
            }
        }
        Ok(model)
    }

    /// Loads less forces in the directions that are free.
    fn gap(&self, forces: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let nodes = self.held.iter().zip(&self.load).zip(forces);
        nodes
            .map(|((held, load), force)| {
                std::array::from_fn(|i| if held[i] { 0.0 } else { load[i] - force[i] })
            })
            .collect()
    }
}

/// The displacements of the nodes that belong to no element: what they are given.
fn lonely(mesh: &TetMesh, case: &Case) -> Vec<[f64; 3]> {
    let mut displacement = vec![[0.0; 3]; mesh.nodes().len()];
    for support in &case.supports {
        displacement[at(support.node)][support.axis] = support.displacement_mm;
    }
    displacement
}

/// Refuses a body that could move as a whole.
fn check_held(order: &Ordered, model: &Model) -> Result<(), MechanicsError> {
    let nodes = order.mesh.nodes();
    let bodies = order.mesh.bodies();
    let count = bodies.iter().flatten().max().map_or(0, |b| at(*b) + 1);
    let mut extent = vec![([f64::INFINITY; 3], [f64::NEG_INFINITY; 3], u32::MAX); count];
    for ((node, body), old) in nodes.iter().zip(&bodies).zip(&order.node_was) {
        let Some(body) = body else { continue };
        let (low, high, first) = &mut extent[at(*body)];
        *first = (*first).min(*old);
        for axis in 0..3 {
            low[axis] = low[axis].min(node[axis]);
            high[axis] = high[axis].max(node[axis]);
        }
    }
    let mut resisted = vec![Matrix6::<f64>::zeros(); count];
    for ((node, body), held) in nodes.iter().zip(&bodies).zip(&model.held) {
        let Some(body) = body else { continue };
        let (low, high, _) = &extent[at(*body)];
        let size = (0..3).fold(f64::MIN_POSITIVE, |s, i| s.max(high[i] - low[i]));
        let [x, y, z]: [f64; 3] =
            std::array::from_fn(|i| (node[i] - 0.5 * (low[i] + high[i])) / size);
        let motions = [
            [1.0, 0.0, 0.0, 0.0, z, -y],
            [0.0, 1.0, 0.0, -z, 0.0, x],
            [0.0, 0.0, 1.0, y, -x, 0.0],
        ];
        for axis in (0..3).filter(|axis| held[*axis]) {
            let motion = nalgebra::Vector6::from(motions[axis]);
            resisted[at(*body)] += motion * motion.transpose();
        }
    }
    for (matrix, (_, _, first)) in resisted.into_iter().zip(extent) {
        let values = SymmetricEigen::new(matrix).eigenvalues;
        let free = values.iter().filter(|v| **v <= FREE * values.max()).count();
        if free > 0 {
            return Err(MechanicsError::Floating { node: first, free });
        }
    }
    Ok(())
}

/// The reactions, with the proof that they balance the loads.
fn check_balance(
    body: &Body,
    model: &Model,
    found: Found,
    threads: Threads,
) -> Result<Solution, MechanicsError> {
    let mut reaction = vec![[0.0; 3]; found.forces.len()];
    let (mut sum, mut size, mut work) = ([0.0; 3], 0.0, 0.0);
    for (node, force) in found.forces.iter().enumerate() {
        for axis in 0..3 {
            let load = model.load[node][axis];
            if model.held[node][axis] {
                reaction[node][axis] = force[axis] - load;
            }
            let total = load + reaction[node][axis];
            sum[axis] += total;
            size += load.abs().max(reaction[node][axis].abs());
            work += 0.5 * total * found.displacement[node][axis];
        }
    }
    let energy = body.energy(&found.displacement, threads);
    let off = sum.iter().map(|s| s * s).sum::<f64>().sqrt();
    let imbalance = if size > 0.0 { off / size } else { 0.0 };
    let missing = if energy > 0.0 {
        (work / energy - 1.0).abs()
    } else {
        0.0
    };
    // Also refuses what is not a number.
    if !(imbalance <= BALANCED && missing <= BALANCED) {
        return Err(MechanicsError::Unbalanced { imbalance, missing });
    }
    Ok(Solution {
        displacement_mm: found.displacement,
        reaction_n: reaction,
        strain_energy_n_mm: energy,
        iterations: found.iterations,
        residual: found.relative,
        imbalance,
        levels: found.levels,
    })
}
