//! What the disk can do: files of a load's size from memory, each step adding
//! to the one before, by as many threads as there are associations.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Files a second.
pub(crate) struct Floor {
    pub(crate) synced: f64,
    pub(crate) with_row: f64,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Until {
    Written,
    Synced,
    Named,
    Row,
}

/// Measures and prints.
pub(crate) fn measure(root: &Path, threads: u32, folder: &str) -> Floor {
    let (bytes, each) = match folder {
        "ct" => (526_000, 200 / threads),
        "dx" => (15_000_000, 10),
        _ => (500_000_000, 1),
    };
    println!("\ndisk, {} kB, {threads} thread(s)", bytes / 1000);
    let rate = |until, what| {
        // The middle one of three: one run of the disk says little.
        let mut rates: Vec<f64> = (0..3)
            .map(|_| run(&root.join("floor"), threads, each, bytes, until))
            .collect();
        rates.sort_by(f64::total_cmp);
        println!("  {what:<28} {:>8.1} files/s", rates[1]);
        rates[1]
    };
    rate(Until::Written, "write");
    let synced = rate(Until::Synced, "+ sync file");
    rate(Until::Named, "+ rename and sync folder");
    let with_row = rate(Until::Row, "+ SQLite row");
    Floor { synced, with_row }
}

fn run(folder: &Path, threads: u32, each: u32, bytes: usize, until: Until) -> f64 {
    fs::create_dir_all(folder).unwrap();
    let db = rusqlite::Connection::open(folder.join("rows")).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", "FULL").unwrap();
    db.execute("CREATE TABLE row (name TEXT)", []).unwrap();
    let db = Mutex::new(db);
    let noise: Vec<u8> = (0..bytes)
        .map(|at| (at * 31 + at / 251).to_le_bytes()[0])
        .collect();
    let one = |name: String| {
        let part = folder.join(format!("{name}.part"));
        let mut file = File::create_new(&part).unwrap();
        file.write_all(&noise).unwrap();
        if until >= Until::Synced {
            file.sync_data().unwrap();
        }
        drop(file);
        if until >= Until::Named {
            fs::rename(&part, folder.join(&name)).unwrap();
            File::open(folder).unwrap().sync_all().unwrap();
        }
        if until >= Until::Row {
            let db = db.lock().unwrap();
            db.execute("INSERT INTO row VALUES (?1)", [name]).unwrap();
        }
    };
    std::process::Command::new("sync").status().unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let one = &one;
            scope.spawn(move || (0..each).for_each(|n| one(format!("{thread}-{n}"))));
        }
    });
    let took = begun.elapsed().as_secs_f64();
    fs::remove_dir_all(folder).unwrap();
    f64::from(threads * each) / took
}
