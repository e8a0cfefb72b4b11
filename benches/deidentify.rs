//! De-identification of a file beside dicom-anonymizer, dicognito and gdcmanon,
//! the same files in one run, one core: processor time a CT (512 x 512) and a DX
//! (2500 x 3000), text detection apart, and what a large object adds to the
//! memory. Synthetic bytes with a patient in the head. A peer that is not
//! installed is said so (`setup/bench-peers.sh` brings them).
//!
//! Promises: CT 1 ms, DX 15 ms without the search for text, the search 150 ms,
//! memory 16 MB whatever the size.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench"
)]
#![allow(clippy::disallowed_methods, reason = "clears its own folder")]

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use bonebox::deidentify::{Profile, deidentify};
use bonebox::identity::PseudonymKey;
use bonebox::profile::Options;

const HEAD: [(&str, u16, &str, &str, u16); 42] = [
    ("UI", 0x0008, "0016", "", 0),
    ("UI", 0x0008, "0018", "", 0),
    ("DA", 0x0008, "0020", "20260410", 0),
    ("TM", 0x0008, "0030", "101500", 0),
    ("SH", 0x0008, "0050", "ACC4711", 0),
    ("CS", 0x0008, "0060", "", 0),
    ("LO", 0x0008, "0070", "FUJIFILM Corporation", 0),
    ("LO", 0x0008, "0080", "Yamada Clinic", 0),
    ("PN", 0x0008, "0090", "Suzuki^Jiro", 0),
    ("LO", 0x0008, "1030", "Wrist", 0),
    ("PN", 0x0010, "0010", "Yamada^Hanako", 0),
    ("LO", 0x0010, "0020", "PID0815", 0),
    ("DA", 0x0010, "0030", "19551231", 0),
    ("CS", 0x0010, "0040", "F", 0),
    ("CS", 0x0018, "0015", "WRIST", 0),
    ("DS", 0x0018, "0050", "0.5", 0),
    ("DS", 0x0018, "0060", "120", 0),
    ("DS", 0x0018, "1164", "0.15\\0.15", 0),
    ("CS", 0x0018, "5101", "PA", 0),
    ("UI", 0x0020, "000d", "1.2.3.1", 0),
    ("UI", 0x0020, "000e", "1.2.3.2", 0),
    ("SH", 0x0020, "0010", "STUDY9", 0),
    ("IS", 0x0020, "0011", "1", 0),
    ("IS", 0x0020, "0013", "1", 0),
    ("DS", 0x0020, "0032", "0\\0\\0", 0),
    ("DS", 0x0020, "0037", "1\\0\\0\\0\\1\\0", 0),
    ("US", 0x0028, "0002", "", 1),
    ("CS", 0x0028, "0004", "MONOCHROME2", 0),
    ("US", 0x0028, "0010", "rows", 0),
    ("US", 0x0028, "0011", "columns", 0),
    ("DS", 0x0028, "0030", "0.3\\0.3", 0),
    ("US", 0x0028, "0100", "", 16),
    ("US", 0x0028, "0101", "", 12),
    ("US", 0x0028, "0102", "", 11),
    ("US", 0x0028, "0103", "", 0),
    ("DS", 0x0028, "1050", "2048", 0),
    ("DS", 0x0028, "1051", "4096", 0),
    ("DS", 0x0028, "1052", "0", 0),
    ("DS", 0x0028, "1053", "1", 0),
    ("LO", 0x0029, "0010", "MAKER", 0),
    ("LO", 0x0029, "1010", "Yamada", 0),
    ("LT", 0x4000, "4000", "Yamada Hanako", 0),
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-deidentify");
    if root.exists() {
        fs::remove_dir_all(&root).unwrap();
    }
    for (what, class, count, rows, columns) in [
        ("CT", "2", 200_u32, 512_u16, 512_u16),
        ("DX", "1.1", 10, 3000, 2500),
    ] {
        let folder = root.join(what);
        fs::create_dir_all(&folder).unwrap();
        let class = format!("1.2.840.10008.5.1.4.1.1.{class}");
        for number in 0..count {
            let path = folder.join(format!("{number:04}.dcm"));
            write(&path, &class, number, [rows, columns], 1);
        }
        let plain = ours(&folder, &root.join("out"), &Options::none());
        println!("{what}: ours {plain:.2} ms of processor time a file");
        if what == "DX" {
            let options = Options::parse(&["clean-pixel-data"]).unwrap();
            let searched = ours(&folder, &root.join("out"), &options);
            println!(
                "{what}: ours, searching for text, {:.2} ms more",
                searched - plain
            );
        }
        peers(what, &folder, &root.join("peer"));
    }
    memory(&root);
    fs::remove_dir_all(&root).unwrap();
}

/// Processor time of this thread in milliseconds, as Linux counts it.
fn processor_ms() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: f64 = text.split_whitespace().next().unwrap().parse().unwrap();
    nanoseconds / 1e6
}

fn ours(folder: &Path, out: &Path, options: &Options) -> f64 {
    fs::create_dir_all(out).unwrap();
    let key = PseudonymKey::random().unwrap();
    let mut profile = Profile::basic("bench".parse().unwrap());
    profile.options = options.clone();
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // The first file reads the tables.
    deidentify(&files[0], &out.join("first"), &profile, &key).unwrap();
    let before = processor_ms();
    for (number, file) in files.iter().enumerate() {
        deidentify(file, &out.join(number.to_string()), &profile, &key).unwrap();
    }
    let spent = processor_ms() - before;
    fs::remove_dir_all(out).unwrap();
    spent / files.len() as f64
}

fn peers(what: &str, folder: &Path, out: &Path) {
    fs::create_dir_all(out).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/setup/bench-venv/bin/python");
    let script = root.join("benches/deidentify/peers.py");
    for peer in ["dicom-anonymizer", "dicognito", "gdcmanon"] {
        let output = Command::new(&python)
            .args([&script, Path::new(peer), folder, out])
            .output();
        match output {
            Ok(output) if output.status.success() => {
                print!("{what}: {}", String::from_utf8_lossy(&output.stdout));
            }
            _ => println!("{what}: {peer} is not installed here"),
        }
    }
}

/// What an object of 1 GB adds to the memory that one of 0.5 MB needs.
fn memory(root: &Path) {
    let peak = || -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse().unwrap()
    };
    let folder = root.join("large");
    fs::create_dir_all(&folder).unwrap();
    let class = "1.2.840.10008.5.1.4.1.1.2.1";
    write(&folder.join("large.dcm"), class, 0, [512, 512], 2000);
    let before = peak();
    let spent = ours(&folder, &root.join("out"), &Options::none());
    let grown = peak().saturating_sub(before);
    println!("1 GB: ours {spent:.0} ms, memory grows by {grown} kB");
    assert!(grown <= 16_000, "promised: 16 MB");
}

/// An image with a patient, written attribute by attribute.
fn write(path: &Path, class: &str, number: u32, size: [u16; 2], frames: u32) {
    let instance = format!("1.2.3.9.{}", number + 1);
    let mut out = BufWriter::new(File::create(path).unwrap());
    let mut meta = Vec::new();
    put(&mut meta, 2, 1, "OB", &[0, 1]);
    put(&mut meta, 2, 2, "UI", class.as_bytes());
    put(&mut meta, 2, 3, "UI", instance.as_bytes());
    put(&mut meta, 2, 0x10, "UI", b"1.2.840.10008.1.2.1");
    put(&mut meta, 2, 0x12, "UI", b"1.2.3.4");
    let mut head = vec![0; 128];
    head.extend(b"DICM");
    let length = u32::try_from(meta.len()).unwrap();
    put(&mut head, 2, 0, "UL", &length.to_le_bytes());
    head.extend(meta);
    let modality = if class.ends_with("1.1") { "DX" } else { "CT" };
    put(&mut head, 8, 8, "CS", b"ORIGINAL\\PRIMARY");
    for (vr, group, element, text, value) in HEAD {
        let element = u16::from_str_radix(element, 16).unwrap();
        let number = |value: u16| value.to_le_bytes().to_vec();
        let bytes = match (group, element, text) {
            (8, 0x16, _) => class.as_bytes().to_vec(),
            (8, 0x18, _) => instance.clone().into_bytes(),
            (8, 0x60, _) => modality.into(),
            (_, _, "rows") => number(size[0]),
            (_, _, "columns") => number(size[1]),
            _ if vr == "US" => number(value),
            _ => text.as_bytes().to_vec(),
        };
        if (group, element) == (0x0028, 0x0010) && frames > 1 {
            put(
                &mut head,
                0x0028,
                0x0008,
                "IS",
                frames.to_string().as_bytes(),
            );
        }
        put(&mut head, group, element, vr, &bytes);
    }
    let row: Vec<u8> = (0..size[1])
        .flat_map(|n| (n.wrapping_mul(7919) % 4096).to_le_bytes())
        .collect();
    let rows = u32::from(size[0]) * frames;
    let length = u32::try_from(row.len()).unwrap() * rows;
    head.extend([0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0]);
    head.extend(length.to_le_bytes());
    out.write_all(&head).unwrap();
    for _ in 0..rows {
        out.write_all(&row).unwrap();
    }
    out.flush().unwrap();
}

fn put(out: &mut Vec<u8>, group: u16, element: u16, vr: &str, value: &[u8]) {
    out.extend(group.to_le_bytes());
    out.extend(element.to_le_bytes());
    out.extend(vr.as_bytes());
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    let length = value.len();
    if vr == "OB" {
        out.extend([0, 0]);
        out.extend(u32::try_from(length).unwrap().to_le_bytes());
    } else {
        out.extend(u16::try_from(length).unwrap().to_le_bytes());
    }
    out.extend(value);
}
