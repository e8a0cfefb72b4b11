//! De-identification: nobody is left, the image is, and what cannot be done
//! with certainty goes to quarantine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bonebox::clock::Clock;
use bonebox::deidentify::{
    DeidentifyError, Input, InstanceReport, Judged, Profile, Reason, deidentify, deidentify_study,
};
use bonebox::identity::{BoxIdentity, PseudonymKey};
use bonebox::names::Digest;
use bonebox::names::LegalBasis;
use bonebox::names::Phi;
use bonebox::profile::Options;
use bonebox::vault::Vault;
use dicom_core::{Tag, VR};
use dicom_object::{DefaultDicomObject, open_file};

use crate::objects::{Image, Node, Syntax, Tree, file, image, put, us};
use crate::planted::{Search, plant, seed};

pub(crate) const IMAGES: [Image; 4] = [Image::Cr, Image::Dx, Image::Ct, Image::EnhancedCt];
const PIXELS: Tag = Tag(0x7fe0, 0x0010);

pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) key: PseudonymKey,
    pub(crate) profile: Profile,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            key: PseudonymKey::random().unwrap(),
            profile: Profile::basic("test".parse().unwrap()),
        }
    }

    /// Whose files lie in memory where the system has such a place: for those
    /// who try many.
    pub(crate) fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm");
        Self {
            folder: folder.unwrap_or_else(|_| tempfile::tempdir().unwrap()),
            ..Self::new()
        }
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        let mut bench = Self::new();
        bench.profile.options = Options::parse(options).unwrap();
        bench
    }

    /// A vault of this bench's own.
    pub(crate) fn vault(&self) -> Vault {
        let identity = BoxIdentity::open(&self.path("identity")).unwrap();
        Vault::open(self.folder.path(), &identity, Clock::System).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub(crate) fn run(&self, bytes: &[u8]) -> Result<(InstanceReport, Vec<u8>), DeidentifyError> {
        let (input, output) = (self.put("in.dcm", bytes), self.path("out.dcm"));
        let report = deidentify(&input, &output, &self.profile, &self.key)?;
        Ok((report, fs::read(output).unwrap()))
    }

    pub(crate) fn run_tree(
        &self,
        tree: &Tree,
    ) -> Result<(InstanceReport, Vec<u8>), DeidentifyError> {
        self.run(&file(tree, Syntax::Explicit, b"", &Tree::new()))
    }

    pub(crate) fn open(&self) -> DefaultDicomObject {
        open_file(self.path("out.dcm")).unwrap()
    }
}

pub(crate) fn string(object: &DefaultDicomObject, group: u16, element: u16) -> Option<String> {
    let element = object.element_opt(Tag(group, element)).unwrap()?;
    Some(element.to_str().unwrap().trim_end().to_owned())
}

/// The file before its pixels: those are compared byte for byte elsewhere.
pub(crate) fn head_of(bytes: &[u8], pixels: usize) -> &[u8] {
    &bytes[..bytes.len() - pixels]
}

/// What is run through: native syntaxes for every kind, and for two of them
/// what must be turned round or inflated first.
fn runs() -> Vec<(Image, Syntax)> {
    let kinds = IMAGES.into_iter().chain([Image::Sr]);
    let mut runs: Vec<_> = kinds
        .flat_map(|kind| [(kind, Syntax::Explicit), (kind, Syntax::Implicit)])
        .collect();
    for syntax in [Syntax::BigEndian, Syntax::Deflated] {
        runs.extend([(Image::Dx, syntax), (Image::Ct, syntax)]);
    }
    runs
}

#[test]
fn nothing_planted_is_left() {
    let seed = seed();
    let (mut planted_values, mut quarantined) = (0, 0);
    let runs = runs();
    for (number, (kind, syntax)) in (0_u64..).zip(runs.iter().copied()) {
        // Each run another character set.
        let seed = seed.wrapping_add(number);
        let bench = if kind == Image::Sr {
            Bench::with(&["clean-structured-content"])
        } else {
            Bench::new()
        };
        let planted = plant(kind, syntax, seed);
        assert!(planted.needles.len() > 6000, "{}", planted.needles.len());
        planted_values += planted.needles.len();
        let search = Search::new(&planted.needles);
        let Ok((report, output)) = bench.run(&planted.file) else {
            quarantined += 1;
            continue;
        };
        let left = search.left_in(head_of(&output, planted.pixels.len()));
        assert!(
            left.is_empty(),
            "seed {seed}, {kind:?} {syntax:?}: {left:#?}"
        );
        let object = bench.open();
        if kind != Image::Sr {
            let pixels = object.element(PIXELS).unwrap().to_bytes().unwrap();
            assert!(*pixels == *planted.pixels, "pixels differ");
        }
        assert_eq!(report.digest, Digest::of(&output));
        assert_eq!(report.size, output.len() as u64);
        let json = serde_json::to_vec(&report).unwrap();
        let left = search.left_in(&json);
        assert!(left.is_empty(), "in the report: {left:#?}");
    }
    println!(
        "seed {seed}: 0 of {planted_values} planted values left; {quarantined} of {} objects \
         quarantined",
        runs.len()
    );
    assert_eq!(quarantined, 0, "seed {seed}: not by refusing");
}

/// The scanner finds what is there: in the input itself.
#[test]
fn the_search_finds_what_was_planted() {
    let seed = seed();
    for kind in IMAGES.into_iter().chain([Image::Sr]) {
        let planted = plant(kind, Syntax::Explicit, seed);
        let left = Search::new(&planted.needles).left_in(&planted.file).len();
        let all = planted.needles.len();
        // The name in the encodings that this file does not use.
        assert!(left >= all - 4, "seed {seed}: {left} of {all}");
    }
}

/// The same through the step itself, switched off.
#[cfg(feature = "test-hooks")]
#[test]
fn switched_off_everything_is_left() {
    let planted = plant(Image::Dx, Syntax::Explicit, seed());
    let mut bench = Bench::new();
    bench.profile.unchanged = true;
    let (_, output) = bench.run(&planted.file).unwrap();
    let left = Search::new(&planted.needles).left_in(&output).len();
    assert!(left * 100 >= planted.needles.len() * 99, "{left}");
}

#[test]
fn the_image_stays_usable() {
    for kind in IMAGES {
        let bench = Bench::new();
        let (report, _) = bench.run_tree(&image(kind, 7)).unwrap();
        let object = bench.open();
        let expect = |group, element, value: &str| {
            let found = string(&object, group, element);
            assert_eq!(
                found.as_deref(),
                Some(value),
                "{kind:?} ({group:04x},{element:04x})"
            );
        };
        expect(0x0010, 0x0010, report.pseudonym.as_str());
        expect(0x0010, 0x0020, report.pseudonym.as_str());
        expect(0x0012, 0x0062, "YES");
        expect(0x0028, 0x0303, "REMOVED");
        expect(0x0010, 0x0030, "");
        expect(0x0008, 0x0018, &report.instance_uid);
        assert_eq!(
            object
                .meta()
                .media_storage_sop_instance_uid()
                .trim_end_matches('\0'),
            report.instance_uid
        );
        assert!(report.instance_uid.starts_with("2.25."));
        let method = string(&object, 0x0012, 0x0063).unwrap();
        assert!(method.contains("2026c"), "{method}");
        let codes = object.element(Tag(0x0012, 0x0064)).unwrap();
        assert_eq!(codes.items().unwrap().len(), 1);
        match kind {
            Image::Cr | Image::Dx => {
                expect(0x0018, 0x5101, "PA");
                expect(0x0018, 0x1164, "0.15\\0.15");
                expect(0x0018, 0x0015, "WRIST");
                expect(0x0020, 0x0020, "L\\F");
            }
            Image::Ct => {
                expect(0x0028, 0x0030, "0.3\\0.3");
                expect(0x0020, 0x0037, "1\\0\\0\\0\\1\\0");
                expect(0x0018, 0x1210, "B30f");
                expect(0x0028, 0x1052, "-1024");
            }
            Image::Sr => {}
            Image::EnhancedCt => {
                expect(0x0008, 0x1090, "ANONYMIZED");
                expect(0x0008, 0x002a, "19000101000000");
            }
        }
        if kind == Image::Dx {
            expect(0x0020, 0x0062, "R");
            expect(0x0018, 0x1110, "1000");
            let region = object.element(Tag(0x0008, 0x2218)).unwrap();
            let item = &region.items().unwrap()[0];
            let meaning = item.element(Tag(0x0008, 0x0104)).unwrap().to_str().unwrap();
            assert_eq!(meaning, "Wrist joint");
        }
        assert_eq!(
            report.flags.is_empty(),
            kind == Image::Dx,
            "{:?}",
            report.flags
        );
    }
}

#[test]
fn same_input_same_key_same_bytes_and_other_key_other_names() {
    let bench = Bench::new();
    let tree = image(Image::Dx, 9);
    let (first, bytes) = bench.run_tree(&tree).unwrap();
    let (again, same) = bench.run_tree(&tree).unwrap();
    assert_eq!((&first, &bytes), (&again, &same));
    let (other, _) = Bench::new().run_tree(&tree).unwrap();
    assert_ne!(first.pseudonym, other.pseudonym);
    assert_ne!(first.study_uid, other.study_uid);
    // Another instance of the study stays in it.
    let mut second = tree;
    put(&mut second, &[(0x0008, 0x0018, VR::UI, "1.2.3.9")]);
    let (second, _) = bench.run_tree(&second).unwrap();
    assert_eq!(first.study_uid, second.study_uid);
    assert_eq!(first.series_uid, second.series_uid);
    assert_ne!(first.instance_uid, second.instance_uid);
}

/// `dciodvfy` finds no error in an output that was not in its input.
#[test]
fn outputs_stay_valid() {
    let errors = |path: &Path| -> Vec<String> {
        let output = Command::new("dciodvfy").arg(path).output();
        let output = output.expect("dciodvfy (Debian package dicom3tools) is installed");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines = text.lines().filter(|line| line.starts_with("Error"));
        lines.map(str::to_owned).collect()
    };
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/setup/venv/bin/python");
    for kind in IMAGES {
        let bench = Bench::new();
        bench.run_tree(&image(kind, 11)).unwrap();
        // Other readers read it: dcmtk and pydicom.
        let dumped = Command::new("dcmdump").arg(bench.path("out.dcm")).output();
        assert!(dumped.unwrap().status.success(), "{kind:?}: dcmdump");
        let script = "import pydicom, sys; d = pydicom.dcmread(sys.argv[1]); \
                      assert len(d.PixelData) == 48 * 40 * 2 and d.PatientIdentityRemoved == 'YES'";
        let read = Command::new(&python)
            .args(["-c", script])
            .arg(bench.path("out.dcm"))
            .output();
        let read = read.unwrap();
        assert!(
            read.status.success(),
            "{kind:?}: {}",
            String::from_utf8_lossy(&read.stderr)
        );
        let before = errors(&bench.path("in.dcm"));
        let after = errors(&bench.path("out.dcm"));
        let new: Vec<_> = after.iter().filter(|e| !before.contains(e)).collect();
        assert!(new.is_empty(), "{kind:?}: {new:#?}");
        if kind != Image::EnhancedCt {
            assert!(after.is_empty(), "{kind:?}: {after:#?}");
        }
    }
}

fn refused(bytes: &[u8], expected: Reason, what: &str) {
    let bench = Bench::new();
    match bench.run(bytes) {
        Err(DeidentifyError::Quarantine(reason)) => assert_eq!(reason, expected, "{what}"),
        other => panic!("{what}: {other:?}"),
    }
    assert!(!bench.path("out.dcm").exists(), "{what} left an output");
}

#[test]
fn what_is_uncertain_is_quarantined() {
    let check = |change: &dyn Fn(&mut Tree), expected, what: &str| {
        let mut tree = image(Image::Dx, 3);
        change(&mut tree);
        let bytes = file(&tree, Syntax::Explicit, b"", &Tree::new());
        refused(&bytes, expected, what);
    };
    let set = |group, element, vr, value: &'static str| {
        move |tree: &mut Tree| put(tree, &[(group, element, vr, value)])
    };
    let class = |uid| set(0x0008, 0x0016, VR::UI, uid);
    for uid in ["7", "88.33", "6.1", "104.1", "12.1", "2.2"] {
        let uid: &'static str = format!("1.2.840.10008.5.1.4.1.1.{uid}").leak();
        check(&class(uid), Reason::SopClass, uid);
    }
    check(
        &set(0x0028, 0x0301, VR::CS, "YES"),
        Reason::BurnedIn,
        "burned in",
    );
    let kind = |value| set(0x0008, 0x0008, VR::CS, value);
    check(
        &kind("DERIVED\\SECONDARY"),
        Reason::NotFromDetector,
        "derived",
    );
    check(
        &set(0x0020, 0x000d, VR::UI, ""),
        Reason::NoIdentifiers,
        "no study",
    );
    check(
        &set(0x0028, 0x0004, VR::CS, "RGB"),
        Reason::NotGray,
        "color",
    );
    check(
        &|tree| drop(tree.remove(&PIXELS)),
        Reason::NoPixels,
        "no pixels",
    );
    let rows = |tree: &mut Tree| drop(tree.insert(Tag(0x0028, 0x0010), us(49)));
    check(&rows, Reason::PixelsIncomplete, "short pixels");
    let overlay = |tree: &mut Tree| drop(tree.insert(Tag(0x6000, 0x0102), us(12)));
    check(&overlay, Reason::EmbeddedOverlay, "overlay in the pixels");
    let mut deep = Tree::new();
    for _ in 0..20 {
        deep = Tree::from([(Tag(0x0008, 0x2218), Node::Items(vec![deep]))]);
    }
    let deep = |tree: &mut Tree| tree.extend(deep.clone());
    check(&deep, Reason::TooDeep, "20 levels");
}

#[test]
fn damaged_and_foreign_files_are_quarantined() {
    let good = file(&image(Image::Dx, 3), Syntax::Explicit, b"", &Tree::new());
    refused(b"", Reason::NotPart10, "nothing");
    refused(b"GET / HTTP/1.1\r\n\r\n", Reason::NotPart10, "a request");
    refused(&good[128..], Reason::NotPart10, "no preamble");
    refused(&good[..600], Reason::Malformed, "cut in the head");
    refused(
        &good[..good.len() - 9],
        Reason::Malformed,
        "cut in the pixels",
    );
    // 20,000 levels of undefined length: the reader must not follow.
    let mut bomb = good[..good.len() - 48 * 40 * 2 - 12].to_vec();
    for _ in 0..20_000 {
        bomb.extend([0x40, 0x00, 0x30, 0xa7, b'S', b'Q', 0, 0, 255, 255, 255, 255]);
        bomb.extend([0xfe, 0xff, 0x00, 0xe0, 255, 255, 255, 255]);
    }
    refused(&bomb, Reason::TooDeep, "20,000 levels in place");
    let head = file(&Tree::from([]), Syntax::Explicit, b"", &Tree::new());
    let bomb = [head.as_slice(), &bomb[bomb.len() - 400_000..]].concat();
    refused(&bomb, Reason::TooDeep, "20,000 levels");
    // A length of 4 GiB with four bytes behind it.
    let lie = [
        0xe0, 0x7f, 0x10, 0x00, b'O', b'W', 0, 0, 0xf0, 255, 255, 255, 1, 2, 3, 4,
    ];
    let lie = [head.as_slice(), lie.as_slice()].concat();
    refused(&lie, Reason::Malformed, "a lying length");
}

#[test]
fn a_study_is_one_patient() {
    let bench = Bench::new();
    let out = bench.path("out");
    fs::create_dir(&out).unwrap();
    let inputs = |trees: &[Tree]| -> Vec<Input> {
        let each = trees.iter().enumerate();
        each.map(|(n, tree)| Input {
            instance: format!("{n:032x}").parse().unwrap(),
            path: bench.put(
                &format!("{n}.dcm"),
                &file(tree, Syntax::Explicit, b"", &Tree::new()),
            ),
            judged: Judged::ByRule,
        })
        .collect()
    };
    let (pa, mut lateral, mut saved) = (
        image(Image::Dx, 5),
        image(Image::Dx, 5),
        image(Image::Dx, 5),
    );
    put(
        &mut lateral,
        &[
            (0x0008, 0x0018, VR::UI, "1.2.3.8"),
            (0x0018, 0x5101, VR::CS, "LL"),
        ],
    );
    put(
        &mut saved,
        &[(0x0008, 0x0016, VR::UI, "1.2.840.10008.5.1.4.1.1.7")],
    );
    let vault = bench.vault();
    let run = |inputs: &[Input]| {
        deidentify_study(inputs, &out, &bench.profile, &bench.key, &vault).unwrap()
    };
    let report = run(&inputs(&[pa.clone(), saved, lateral.clone()]));
    let names: Vec<_> = report.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["0001.dcm", "0002.dcm"]);
    assert_eq!(report.quarantined[0].code, "sop-class");
    let evidence = report.evidence(LegalBasis::Synthetic).unwrap();
    assert_eq!(evidence.files.len(), 2);
    assert!(evidence.removed + evidence.replaced > 10 && evidence.kept > 10);
    for file in &evidence.files {
        let bytes = fs::read(out.join(&file.name)).unwrap();
        assert_eq!(file.digest, Digest::of(&bytes));
    }
    // The vault knows who it is, and a withdrawal stops their return.
    let (issuer, id) = (Phi::new(String::new()), Phi::new("PID0815".to_owned()));
    let known = vault.find(&issuer, &id).unwrap();
    assert_eq!(Some(&known[0].1), report.pseudonym.as_ref());
    vault.withdraw(&issuer, &id).unwrap();
    let again = run(&inputs(std::slice::from_ref(&pa)));
    assert_eq!(again.quarantined[0].code, "withdrawn");
    assert!(again.files.is_empty());
    put(&mut lateral, &[(0x0010, 0x0020, VR::LO, "SOMEONE ELSE")]);
    let report = run(&inputs(&[pa, lateral]));
    assert!(report.files.is_empty() && report.evidence(LegalBasis::Synthetic).is_none());
    let mixed = report
        .quarantined
        .iter()
        .filter(|q| q.code == "mixed-patients");
    assert_eq!(mixed.count(), 2);
}

/// Fragments are copied as they are, behind a head of ours.
#[test]
fn compressed_pixels_are_copied() {
    let bench = Bench::new();
    let mut tree = image(Image::Dx, 6);
    tree.remove(&PIXELS);
    let plain = file(&tree, Syntax::Explicit, b"", &Tree::new());
    let native = Syntax::Explicit.uid().as_bytes();
    let at = plain
        .windows(native.len())
        .position(|w| w == native)
        .unwrap();
    // 1.2.840.10008.1.2.1 and 1.2.840.10008.1.2.5 (RLE) are equally long.
    let mut bytes = plain;
    bytes[at + native.len() - 1] = b'5';
    let fragments = [
        &[0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0][..],
        &[0xfe, 0xff, 0x00, 0xe0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
    ]
    .concat();
    bytes.extend([0xe0, 0x7f, 0x10, 0x00, b'O', b'B', 0, 0, 255, 255, 255, 255]);
    bytes.extend(&fragments);
    let (report, output) = bench.run(&bytes).unwrap();
    assert!(output.ends_with(&fragments));
    assert_eq!(report.transfer_syntax, "1.2.840.10008.1.2.5");
    assert!(
        report
            .flags
            .contains(&"compressed-stream-not-searched".to_owned())
    );
    let cut = &bytes[..bytes.len() - 8];
    refused(cut, Reason::Malformed, "no delimiter");
}

/// Numbers and code strings that are none do not pass as such.
#[test]
fn values_must_be_what_they_say() {
    let bench = Bench::new();
    let mut tree = image(Image::Cr, 8);
    put(
        &mut tree,
        &[
            (0x0018, 0x0060, VR::DS, "Yamada"),
            (0x0018, 0x1150, VR::IS, "12\\Yamada"),
            (0x0018, 0x0015, VR::CS, "YAMADA"),
            (0x0018, 0x1110, VR::LO, "1000"),
            (0x0018, 0x1153, VR::UN, "17"),
            (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY\\YAMADA"),
            (0x0008, 0x0070, VR::LO, "Yamada Works"),
        ],
    );
    tree.insert(Tag(0x0018, 0x9461), Node::Bytes(VR::FL, vec![65; 400]));
    let (_, output) = bench.run_tree(&tree).unwrap();
    let object = bench.open();
    for (group, element, expected) in [
        (0x0018, 0x0060, None),
        (0x0018, 0x1150, None),
        (0x0018, 0x0015, Some("")),
        (0x0018, 0x1110, None),
        (0x0018, 0x1153, Some("17")),
        (0x0008, 0x0008, Some("ORIGINAL\\PRIMARY")),
        (0x0008, 0x0070, Some("")),
        (0x0018, 0x9461, None),
    ] {
        let found = string(&object, group, element);
        assert_eq!(found.as_deref(), expected, "({group:04x},{element:04x})");
    }
    let lower = output.to_ascii_lowercase();
    assert!(!lower.windows(6).any(|window| window == b"yamada"));
}
