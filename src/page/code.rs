//! The sentences of codes: what holds a study up, what happened, what was
//! flagged. Rooms speak in codes, people read these.

use super::Language;

/// A code's sentence and what to do about it, in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeText {
    code: &'static str,
    what: [&'static str; 2],
    remedy: [&'static str; 2],
}

impl CodeText {
    /// What it means, one sentence.
    #[must_use]
    pub const fn what(&self, language: Language) -> &'static str {
        pick(self.what, language)
    }

    /// What to do about it; empty where there is nothing to do.
    #[must_use]
    pub const fn remedy(&self, language: Language) -> &'static str {
        pick(self.remedy, language)
    }
}

const fn pick([ja, en]: [&'static str; 2], language: Language) -> &'static str {
    match language {
        Language::Japanese => ja,
        Language::English => en,
    }
}

const fn code(code: &'static str, what: [&'static str; 2], remedy: [&'static str; 2]) -> CodeText {
    CodeText { code, what, remedy }
}

/// The text of a code of a kind: `trouble`, `event`, `flag`,
/// `quarantine`, `basis`. `None` for a code that is not in the table: show the code.
#[must_use]
pub fn code_text(kind: &str, name: &str) -> Option<&'static CodeText> {
    CODES.iter().find(|entry| {
        entry
            .code
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix('.'))
            == Some(name)
    })
}

const NONE: [&str; 2] = ["", ""];

const CODES: &[CodeText] = &[
    code(
        "trouble.conflicting-instance",
        [
            "同じ画像が異なる内容で再送されました。両方を保管しています。",
            "The same image came again with other content. Both are kept.",
        ],
        [
            "X 線装置側でどちらが正しいか確認してください。",
            "Check at the X-ray unit which of the two is right.",
        ],
    ),
    code(
        "trouble.quarantined",
        [
            "確実に仮名化できる画像がありませんでした。",
            "No image of the study could be de-identified with certainty.",
        ],
        [
            "隔離の理由を確認し、元の X 線画像を送り直してください。",
            "Read the reason for the quarantine and send the original X-rays again.",
        ],
    ),
    code(
        "trouble.deidentify-failed",
        ["仮名化に失敗しました。", "De-identification failed."],
        [
            "再試行してください。続く場合は担当者へ連絡してください。画像は装置内に残っています。",
            "Try again; if it stays, call service. The images are kept in the box.",
        ],
    ),
    code(
        "trouble.model-unavailable",
        [
            "計測モデルまたは実行環境がないか、登録された内容と一致しません。",
            "The model or its runtime is missing, or differs from its card.",
        ],
        [
            "担当者がモデルを入れ直し、その後に再試行してください。",
            "Service restores the model; then try again.",
        ],
    ),
    code(
        "trouble.worker-crashed",
        [
            "計測プログラムがこの検査で停止したか、時間・メモリの上限を超えました。",
            "The worker crashed on this study, or ran out of time or memory.",
        ],
        [
            "再試行してください。繰り返す場合は検査キーを担当者へ伝えてください。",
            "Try again; if it happens again, tell service the study key.",
        ],
    ),
    code(
        "trouble.worker-unavailable",
        [
            "計測プログラムが応答しません。",
            "The worker does not answer.",
        ],
        [
            "自動で再試行します。続く場合は担当者へ連絡してください。",
            "It is tried again by itself; if it stays, call service.",
        ],
    ),
    code(
        "trouble.cannot-decode",
        [
            "この画像の圧縮形式は読めません。",
            "The images' transfer syntax cannot be decoded.",
        ],
        [
            "X 線装置から非圧縮または JPEG / JPEG 2000 で送り直してください。",
            "Send again from the unit, uncompressed or as JPEG or JPEG 2000.",
        ],
    ),
    code(
        "trouble.analyze-failed",
        ["計測に失敗しました。", "Measuring failed."],
        [
            "再試行してください。続く場合は検査キーを担当者へ伝えてください。",
            "Try again; if it stays, tell service the study key.",
        ],
    ),
    code(
        "trouble.central-unreachable",
        [
            "センターに接続できません。",
            "The central cannot be reached.",
        ],
        [
            "結果は保管され、自動で再送します。ネットワークを確認してください。",
            "Results are kept and sent again by themselves. Check the network.",
        ],
    ),
    code(
        "trouble.central-refuses-us",
        [
            "証明書がセンターに受け入れられないか、センターの証明書が正しくありません。",
            "The central refuses the box's certificate, or the box the central's.",
        ],
        [
            "担当者が証明書と期限を確認してください。",
            "Service checks the certificates and their dates.",
        ],
    ),
    code(
        "trouble.central-refused-results",
        [
            "センターが結果の受け取りを拒否しました。",
            "The central refused the results.",
        ],
        [
            "詳細を担当者へ伝えてください。結果は装置に残っています。",
            "Tell service the detail. The results are kept in the box.",
        ],
    ),
    code(
        "trouble.no-legal-basis",
        [
            "結果を送る法的根拠が設定されていません。",
            "No legal basis is set, so nothing may leave.",
        ],
        [
            "管理者が設定 project.legal_basis を確認してください。結果は装置に残っています。",
            "The administrator sets project.legal_basis. The results are kept in the box.",
        ],
    ),
    code(
        "trouble.disk-full",
        ["ディスクの空きがありません。", "The disk is full."],
        [
            "空きを作ると自動で続きます。受信済みの画像は失われません。",
            "Make room; the box goes on by itself. Nothing received is lost.",
        ],
    ),
    code(
        "trouble.storage-failed",
        [
            "データベースまたはファイルの書き込みに失敗しました。",
            "Writing to the database or a file failed.",
        ],
        [
            "担当者がディスクを確認してください。自動で再試行します。",
            "Service checks the disk. It is tried again by itself.",
        ],
    ),
    code("event.started", ["装置を起動", "The box started"], NONE),
    code(
        "event.instance-received",
        ["画像を受信・保存", "Image received and stored"],
        NONE,
    ),
    code(
        "event.instance-repeated",
        ["同じ画像を再受信", "Same image came again"],
        NONE,
    ),
    code(
        "event.instance-conflict",
        [
            "同じ画像が異なる内容で再受信",
            "Same image came with other content",
        ],
        NONE,
    ),
    code(
        "event.association-refused",
        ["接続を拒否", "Association refused"],
        NONE,
    ),
    code(
        "event.study-closed",
        ["受信を締切", "List of images closed"],
        NONE,
    ),
    code(
        "event.study-deidentified",
        ["仮名化", "De-identified"],
        NONE,
    ),
    code(
        "event.instance-passed-on",
        ["院内 PACS へ転送済み", "Passed on to the PACS"],
        NONE,
    ),
    code(
        "event.sender-allowed",
        ["送信元を許可", "A sender was allowed"],
        NONE,
    ),
    code(
        "event.sender-withdrawn",
        ["送信元の許可を取り消し", "A sender is allowed no longer"],
        NONE,
    ),
    code("event.study-analyzed", ["計測", "Measured"], NONE),
    code(
        "event.study-forwarded",
        ["送信待ちへ", "Bundle put into the outbox"],
        NONE,
    ),
    code(
        "event.study-acknowledged",
        ["センターが受領", "Receipt of the central"],
        NONE,
    ),
    code("event.trouble-raised", ["停止", "Held up"], NONE),
    code(
        "event.trouble-cleared",
        ["停止を解消", "No longer held up"],
        NONE,
    ),
    code(
        "event.person-revealed",
        ["患者を確認", "Somebody looked who it is"],
        NONE,
    ),
    code(
        "event.patient-withdrawn",
        ["患者の撤回により消去", "Erased: the patient withdrew"],
        NONE,
    ),
    code(
        "event.quarantine-opened",
        ["隔離画像を表示", "A quarantined image was looked at"],
        NONE,
    ),
    code(
        "event.quarantine-released",
        ["隔離画像を解除", "A quarantined image was released"],
        NONE,
    ),
    code(
        "event.quarantine-dropped",
        ["隔離画像を破棄", "A quarantined image was dropped"],
        NONE,
    ),
    code("event.signed-in", ["サインイン", "Signed in"], NONE),
    code(
        "event.sign-in-failed",
        ["サインイン失敗", "A sign-in failed"],
        NONE,
    ),
    code(
        "event.account-opened",
        ["アカウントを設定", "An account was set up"],
        NONE,
    ),
    code(
        "event.account-changed",
        ["アカウントを変更", "An account was changed"],
        NONE,
    ),
    code(
        "event.code-made",
        ["一回限りのコードを発行", "A one-time code was made"],
        NONE,
    ),
    code(
        "event.requested",
        ["操作の依頼", "Asked for by a person"],
        NONE,
    ),
    code(
        "flag.burned-in-annotation-unknown",
        [
            "画素内の文字の有無が不明です (タグなし)。",
            "Whether text is burned into the pixels is not known (no tag).",
        ],
        NONE,
    ),
    code(
        "quarantine.not-part10",
        ["DICOM ファイルではありません。", "It is not a DICOM file."],
        NONE,
    ),
    code(
        "quarantine.malformed",
        ["データが壊れています。", "The object is damaged."],
        NONE,
    ),
    code(
        "quarantine.too-deep",
        [
            "シーケンスの入れ子が深すぎます。",
            "Its sequences are nested too deeply.",
        ],
        NONE,
    ),
    code(
        "quarantine.too-large",
        [
            "属性が多すぎます。",
            "It has more attributes than any image.",
        ],
        NONE,
    ),
    code(
        "quarantine.cannot-decode",
        [
            "この圧縮形式は装置で読めません。",
            "Its transfer syntax cannot be decoded here.",
        ],
        NONE,
    ),
    code(
        "quarantine.conflicting-instance",
        [
            "同じ画像が異なる内容で届きました。どちらも計測に使いません。",
            "It came twice with different content; neither is measured.",
        ],
        NONE,
    ),
    code(
        "quarantine.transfer-syntax",
        [
            "この転送構文はまだ仮名化できません。",
            "Its transfer syntax cannot be de-identified yet.",
        ],
        NONE,
    ),
    code(
        "quarantine.sop-class",
        [
            "対象の画像種別 (CR・DX・CT) ではありません。",
            "It is no CR, DX or CT image.",
        ],
        NONE,
    ),
    code(
        "quarantine.sop-class-unclear",
        [
            "画像種別の記載が矛盾しています。",
            "It says in two places that it is of two different kinds.",
        ],
        NONE,
    ),
    code(
        "quarantine.no-identifiers",
        [
            "検査・シリーズ・画像の UID がありません。",
            "Study, series or instance has no UID.",
        ],
        NONE,
    ),
    code(
        "quarantine.not-from-detector",
        [
            "検出器の画像ではなく、保存画面や二次画像です。",
            "It is a saved screen or a secondary image, not one of the detector.",
        ],
        NONE,
    ),
    code(
        "quarantine.burned-in",
        [
            "画素に文字が焼き込まれていると記載されています。",
            "It says that text is burned into its pixels.",
        ],
        NONE,
    ),
    code(
        "quarantine.no-pixels",
        ["画素がありません。", "It has no pixels."],
        NONE,
    ),
    code(
        "quarantine.pixels-incomplete",
        [
            "画素データが途中で切れています。",
            "Its pixels are incomplete.",
        ],
        NONE,
    ),
    code(
        "quarantine.not-gray",
        ["グレースケール画像ではありません。", "It is not gray."],
        NONE,
    ),
    code(
        "quarantine.text-in-compressed-pixels",
        [
            "圧縮画素に文字が焼き込まれている可能性があります。",
            "Text seems to be burned into compressed pixels.",
        ],
        NONE,
    ),
    code(
        "quarantine.mixed-projects",
        [
            "検査の画像が複数のプロジェクトに該当します。",
            "The study's images belong to different projects.",
        ],
        NONE,
    ),
    code(
        "quarantine.withdrawn",
        [
            "患者が同意を撤回しています。処理しません。",
            "The patient withdrew: nothing is processed.",
        ],
        NONE,
    ),
    code(
        "quarantine.embedded-overlay",
        [
            "画素の未使用ビットに図形が含まれています。",
            "Graphics are hidden in unused bits of its pixels.",
        ],
        NONE,
    ),
    code(
        "quarantine.mixed-patients",
        [
            "1 つの検査に異なる患者または検査の画像が混ざっています。",
            "The images of the study name different patients or studies.",
        ],
        NONE,
    ),
    code(
        "flag.text-blanked",
        [
            "画素に焼き込まれた文字を検出し、塗りつぶしました。",
            "Text burned into the pixels was found and blanked.",
        ],
        NONE,
    ),
    code(
        "flag.released-by-a-person",
        [
            "隔離から担当者が解除した画像です。",
            "A person released it from quarantine.",
        ],
        NONE,
    ),
    code(
        "flag.image-type-absent",
        [
            "画像種別 (Image Type) の記載がありません。",
            "Image Type is absent.",
        ],
        NONE,
    ),
    code(
        "flag.pixels-not-searched",
        [
            "画素内の文字は検査していません (小さすぎる画像、または 8・16 ビットの単一フレームでない画像)。",
            "The pixels were not searched for text: too few, or not one frame of 8 or 16 bits.",
        ],
        NONE,
    ),
    code(
        "flag.compressed-stream-not-searched",
        [
            "圧縮データの内部は検査していません。",
            "The inside of the compressed pixels was not searched.",
        ],
        NONE,
    ),
    code(
        "event.artefacts-attached",
        ["縮小画像を作成", "Previews drawn"],
        NONE,
    ),
    code(
        "event.study-settled",
        ["処理完了 (送信なし)", "Done, nothing to send"],
        NONE,
    ),
    code(
        "basis.research-consent",
        ["研究参加の同意", "Consent to joint research"],
        NONE,
    ),
    code("basis.entrustment", ["委託", "Entrustment"], NONE),
    code(
        "basis.medical-infrastructure-act",
        [
            "次世代医療基盤法",
            "Next-Generation Medical Infrastructure Act",
        ],
        NONE,
    ),
    code("basis.synthetic", ["合成データ", "Invented data"], NONE),
    code(
        "basis.none",
        ["なし (送信しません)", "None (nothing is sent)"],
        NONE,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_sentence_in_both_languages() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in CODES {
            assert!(seen.insert(entry.code), "{} stands twice", entry.code);
            let trouble = entry.code.starts_with("trouble.");
            for language in Language::ALL {
                assert!(!entry.what(language).is_empty(), "{}", entry.code);
                assert_eq!(
                    trouble,
                    !entry.remedy(language).is_empty(),
                    "{}",
                    entry.code
                );
            }
        }
        assert!(code_text("trouble", "disk-full").is_some());
        assert!(code_text("trouble", "unheard-of").is_none());
        assert!(code_text("troub", "le.disk-full").is_none());
    }
}
