//! Why there are no bones: the codes, each with its sentence in both languages.

use crate::study::Refusal;

/// A reason to refuse, in the order in which they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// No image is tagged as a wrist seen from behind (PA).
    NoWristPa,
    /// No image is tagged as the same wrist from the side.
    NoWristLateral,
    /// Both wrists are complete in one study.
    TwoWrists,
    /// The sides of the PA and the lateral contradict each other, or the image
    /// looks like the other side's.
    LateralityConflict,
    /// Neither image says which side it is, or one contradicts itself.
    NoLaterality,
    /// An image that is needed cannot be decoded.
    CannotDecode,
    /// An image that is needed is of a kind that is not looked at: color, several
    /// frames, too few gray levels.
    UnsuitableImage,
    /// An image that is needed has more pixels or bytes than are taken.
    ImageTooLarge,
    /// An image that is needed has no scale.
    NoCalibration,
    /// The PA looks like a lateral and the lateral like a PA.
    ViewsSwapped,
    /// Both images show the same view.
    SameView,
    /// The image does not show a wrist as the model knows it.
    NotAWrist,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoWristPa,
        Self::NoWristLateral,
        Self::TwoWrists,
        Self::LateralityConflict,
        Self::NoLaterality,
        Self::CannotDecode,
        Self::UnsuitableImage,
        Self::ImageTooLarge,
        Self::NoCalibration,
        Self::ViewsSwapped,
        Self::SameView,
        Self::NotAWrist,
    ];

    /// The code in rows, events and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoWristPa => "no-wrist-pa",
            Self::NoWristLateral => "no-wrist-lateral",
            Self::TwoWrists => "two-wrists",
            Self::LateralityConflict => "laterality-conflict",
            Self::NoLaterality => "no-laterality",
            Self::CannotDecode => "cannot-decode",
            Self::UnsuitableImage => "unsuitable-image",
            Self::ImageTooLarge => "image-too-large",
            Self::NoCalibration => "no-calibration",
            Self::ViewsSwapped => "views-swapped",
            Self::SameView => "same-view-twice",
            Self::NotAWrist => "not-a-wrist",
        }
    }

    const fn texts(self) -> [&'static str; 2] {
        match self {
            Self::NoWristPa => [
                "No wrist PA found: no image of the study is tagged as body part wrist and view PA.",
                "手関節正面（PA）画像がありません。部位「手関節」・撮影方向「PA」の画像が検査に含まれていません。",
            ],
            Self::NoWristLateral => [
                "No wrist lateral found: one view cannot show volar tilt, so nothing is reconstructed. Send the lateral of the same wrist.",
                "手関節側面画像がありません。1方向では掌側傾斜を求められないため再構成しません。同じ側の側面像を送ってください。",
            ],
            Self::TwoWrists => [
                "Both wrists are in one study. Send each side as a study of its own.",
                "左右両方の手関節が1つの検査に入っています。左右を別の検査として送ってください。",
            ],
            Self::LateralityConflict => [
                "Left or right is contradictory: the images do not agree on the side. Check the markers and send again.",
                "左右の情報が矛盾しています。マーカーを確認して送り直してください。",
            ],
            Self::NoLaterality => [
                "The images do not say clearly whether the wrist is left or right.",
                "画像に左右の情報がないか、明確ではありません。",
            ],
            Self::CannotDecode => [
                "An image cannot be decoded. It is kept as it came; send it in an uncompressed or JPEG lossless transfer syntax.",
                "復号できない画像があります。画像は受信したまま保管しています。非圧縮またはJPEG可逆圧縮で送ってください。",
            ],
            Self::UnsuitableImage => [
                "An image is not of a kind that is looked at: one gray projection of 8 to 16 bits is needed. Send the image as the X-ray unit made it.",
                "解析できない形式の画像があります。8～16ビットのモノクロ単純X線画像（1フレーム）が必要です。撮影装置の元画像を送ってください。",
            ],
            Self::ImageTooLarge => [
                "An image is larger than any X-ray unit makes. Send it at the size at which it was taken.",
                "画像が大きすぎます。撮影時の大きさのまま送ってください。",
            ],
            Self::NoCalibration => [
                "An image carries no pixel spacing, so nothing can be said in millimeters.",
                "画素間隔の情報がない画像があるため、ミリメートルの値を求められません。",
            ],
            Self::ViewsSwapped => [
                "PA and lateral look swapped: the image tagged PA looks like a lateral and the other one like a PA. Correct the view of each and send again.",
                "正面像と側面像が入れ替わっているようです。それぞれの撮影方向の情報を直して送り直してください。",
            ],
            Self::SameView => [
                "Both images look like the same view, but a PA and a lateral are needed. Send the view that is missing.",
                "2枚とも同じ撮影方向の画像のようです。正面像と側面像の両方が必要です。足りない方向の画像を送ってください。",
            ],
            Self::NotAWrist => [
                "An image does not show a wrist as the model knows it: the simulated bones do not fit it.",
                "モデルの想定する手関節像と一致しません。模擬した骨の像が画像に合いません。",
            ],
        }
    }

    /// The refusal as it is stored and shown. `detail` says more in English,
    /// without an identified value: which image, what exactly.
    #[must_use]
    pub(super) fn refusal(self, detail: &str) -> Refusal {
        let [english, japanese] = self.texts();
        let join = |text: &str| {
            if detail.is_empty() {
                text.to_owned()
            } else {
                format!("{text} ({detail})")
            }
        };
        Refusal {
            code: self.name().to_owned(),
            text_en: join(english),
            text_ja: join(japanese),
        }
    }
}
