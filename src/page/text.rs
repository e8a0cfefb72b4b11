//! Every text of every page, in both languages, in one table.
//!
//! Japanese is short and clinical, as it stands on an X-ray console. What is
//! counted or named stands as `{}`, in the same order in both languages.

use std::fmt::Display;

use super::Language;

macro_rules! texts {
    ($($name:ident: $ja:literal, $en:literal;)*) => {
        /// A text of the pages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Text {
            $(#[doc = $en] $name,)*
        }

        impl Text {
            /// Every text.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The text in a language.
            #[must_use]
            pub const fn say(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::Japanese) => $ja,
                    (Self::$name, Language::English) => $en,)*
                }
            }
        }
    };
}

texts! {
    Notice: "研究用であり、診断ではありません。プログラムが作成し、医師は確認していません。",
        "Research use, not a diagnosis. Made by a program, not reviewed.";
    SkipToContent: "本文へ", "To the content";
    Navigation: "メニュー", "Menu";
    ConnectionLost: "接続が切れました。表示は古い内容です。",
        "Connection lost. What is shown is old.";
    Studies: "検査一覧", "Studies";
    Health: "装置の状態", "Box health";
    About: "概要", "About";
    Language: "言語", "Language";
    // List.
    ShowAll: "すべて", "All";
    ShowToday: "24 時間以内", "Last 24 hours";
    ShowPerson: "要確認", "Needs a person";
    Filters: "絞り込み", "Filter";
    NoStudies: "検査はまだありません。", "No studies yet.";
    NoStudiesFilter: "該当する検査はありません。", "No study fits this filter.";
    HowToSend: "X 線装置からこの装置へ送ると、1 秒以内にここに表示されます。",
        "Send from the X-ray unit to this box; a study appears here within a second.";
    ListLimit: "新しい順に {} 件まで表示しています。", "The newest {} are shown.";
    Study: "検査", "Study";
    StateWord: "状態", "State";
    Source: "送信元", "Source";
    ReceivedAt: "受信", "Received";
    Images: "画像", "Images";
    Result: "結果", "Result";
    Steps: "経過", "Steps";
    ImagesCount: "{} 枚", "{} images";
    OneImage: "1 枚", "1 image";
    ClosesIn: "締切まで {} 秒", "closes in {} s";
    Closing: "まもなく締切", "closing";
    NoPseudonymYet: "仮名化前", "not yet de-identified";
    Generation: "第 {} 版", "version {}";
    LateImages: "あとから届いた画像の版です。", "Images that came late opened this version.";
    Waiting: "結果待ち", "waiting";
    // States.
    StateReceived: "受信中", "Receiving";
    StateSpooled: "受信完了", "Complete";
    StateDeidentified: "仮名化済み", "De-identified";
    StateAnalyzed: "計測済み", "Measured";
    StateForwarded: "送信待ち", "To be sent";
    StateAcknowledged: "センター受領済み", "Held by the central";
    StateRefused: "計測なし", "Not measured";
    StateTrouble: "要確認", "Needs a person";
    // Steps.
    StepReceived: "受信", "Receive";
    StepSpooled: "締切", "Close";
    StepDeidentified: "仮名化", "De-identify";
    StepAnalyzed: "計測", "Measure";
    StepForwarded: "送信準備", "Bundle";
    StepAcknowledged: "受領", "Receipt";
    Started: "開始", "Started";
    Duration: "時間", "Time";
    Attempt: "試行", "Attempt";
    Parts: "内訳", "Parts";
    StepOpen: "未実施", "not yet";
    LastImageToReceipt: "最後の画像から受領まで {} 秒", "{} s from the last image to the receipt";
    // Views.
    ViewPa: "正面 (PA)", "PA";
    ViewAp: "正面 (AP)", "AP";
    ViewLateral: "側面", "Lateral";
    ViewOblique: "斜位", "Oblique";
    ViewUnknown: "方向不明", "View unknown";
    // Study page.
    Back: "一覧へ", "To the list";
    XRays: "X 線画像", "X-rays";
    XRaysNone: "X 線の縮小画像はまだありません。", "No X-ray preview yet.";
    Outline: "骨の輪郭を重ねる", "Show the outline of the bones";
    OutlineCaption: "再構成した骨を画像に投影した輪郭です。骨の縁と合っているか確認してください。",
        "The reconstructed bones' outline, projected on the image. Check that it follows the bones.";
    PreviewNote: "仮名化後の画素から作った 8 bit の縮小画像です。診断には使えません。",
        "8-bit previews of the de-identified pixels. Not for reading.";
    Bones: "3D 骨モデル", "Bones in 3-D";
    Radius: "橈骨", "Radius";
    Ulna: "尺骨", "Ulna";
    Reset: "元に戻す", "Reset";
    ZoomIn: "拡大", "Zoom in";
    ZoomOut: "縮小", "Zoom out";
    TurnLeft: "左へ回す", "Turn left";
    TurnRight: "右へ回す", "Turn right";
    TurnUp: "上へ回す", "Turn up";
    TurnDown: "下へ回す", "Turn down";
    ViewControls: "表示の向き", "View";
    Legend: "凡例", "Legend";
    ShowOrHide: "表示・非表示", "Show or hide";
    NoWebGl: "このブラウザでは 3D 表示 (WebGL) が使えません。数値と X 線画像は下の表のとおりで、骨モデルは STL でダウンロードできます。",
        "This browser has no 3-D (WebGL). Numbers and X-rays are complete without it; the bones can be downloaded as STL.";
    SceneUnreadable: "骨モデルを読み込めませんでした。ページを再読み込みするか、STL をダウンロードしてください。",
        "The bones could not be loaded. Reload the page, or download the STL files.";
    NoScriptViewer: "3D 表示には JavaScript が必要です。骨モデルは STL でダウンロードできます。",
        "The 3-D view needs JavaScript. The bones can be downloaded as STL.";
    ViewerTwin: "{}の橈骨と尺骨の 3D モデル。ドラッグで回転、ホイールまたは 2 本指で拡大、矢印キーでも回せます。",
        "{} radius and ulna in 3-D. Drag to turn, wheel or two fingers to zoom; arrow keys turn too.";
    Measures: "計測値", "Measures";
    Measure: "項目", "Measure";
    Value: "値", "Value";
    Interval: "95 % 区間", "95 % interval";
    MeasuredOn: "誤差の根拠", "Error measured on";
    Reference: "参考範囲", "Reference range";
    ReferenceNote: "参考範囲は文献の健常成人 (平均 ± 1 SD)。日本人の値ではありません。施設の基準と反対側との比較を優先してください。",
        "Reference: healthy adults in the literature (mean ± 1 SD), not a Japanese cohort. Your site's range and the other side take precedence.";
    RotationCaveat: "前腕が 1° 回旋すると掌側傾斜は 0.44〜0.68° 変わります (Jensen 2021)。",
        "1° of forearm rotation changes volar tilt by 0.44 to 0.68° (Jensen 2021).";
    Unobservable: "計測できません", "not observable";
    OnSynthetic: "合成形状 {} 例", "{} invented shapes";
    OnSimulated: "模擬 X 線 {} 例", "{} simulated X-rays";
    OnPhantom: "ファントム {} 例", "{} phantom cases";
    OnReal: "実画像 {} 例", "{} real images";
    NoPatients: "患者での誤差は測られていません。", "The error has not been measured on patients.";
    SideRight: "右", "Right";
    SideLeft: "左", "Left";
    Side: "左右", "Side";
    Model: "モデル", "Model";
    Provider: "計算", "Computed on";
    ImageFit: "画像との一致", "Fit to the images";
    ImageFitNote: "(−1〜1、1 が完全一致)", "(−1 to 1; 1 is equal)";
    CalibrationGrade: "スケールの信頼度", "Grade of the scale";
    GradeA: "画像内の基準で校正 (誤差 約 0.5 %)", "calibrated by a marker in the image (about 0.5 %)";
    GradeB: "撮影距離がすべて記録済み (約 1 %)", "all distances recorded (about 1 %)";
    GradeC: "被写体の位置は推定 (約 1.5 %)", "the object's distance is estimated (about 1.5 %)";
    GradeD: "検出器の画素間隔のみ (2〜3 %)", "detector pixel spacing only (2 to 3 %)";
    GradeE: "校正不明 (3〜5 %)。長さは目安", "calibration unknown (3 to 5 %); lengths are rough";
    GradeF: "スケールなし。長さは測れません", "no scale; no length can be told";
    Reconstruction: "再構成", "Reconstruction";
    Refusal: "計測しなかった理由", "Why nothing was measured";
    RefusalNote: "受信と仮名化は完了しています。画像は保管期間の後に削除されます。",
        "Receiving and de-identification are done. The images are kept for the retention time.";
    // Trouble.
    Trouble: "止まっている理由", "What holds it up";
    TroubleWhere: "工程: {}", "Step: {}";
    TroubleSince: "発生", "Since";
    TroubleTries: "試行 {} 回", "tries: {}";
    NextTry: "次の自動試行", "Next try by itself";
    NoNextTry: "自動では再試行しません。", "It is not tried again by itself.";
    Detail: "詳細", "Detail";
    Retry: "今すぐ再試行", "Try again now";
    SeenIt: "確認しました", "I have seen it";
    SeenBy: "確認済み: {}", "Seen by: {}";
    Asked: "依頼を受け付けました。まもなく実行されます。", "Asked for. The box acts on it shortly.";
    // De-identification.
    Deidentification: "仮名化", "De-identification";
    Removed: "削除", "Removed";
    Replaced: "置換", "Replaced";
    Kept: "保持", "Kept";
    Attributes: "属性数", "attributes";
    Edition: "プロファイル", "Profile";
    ProfileName: "DICOM PS3.15 基本プロファイル {}", "DICOM PS3.15 Basic Profile {}";
    Project: "プロジェクト", "Project";
    LegalBasis: "提供の根拠", "Legal basis";
    Flags: "注意", "Flags";
    Quarantine: "隔離した画像", "Quarantined images";
    QuarantineNote: "確実に仮名化できない画像は装置内に隔離し、どこへも送りません。",
        "Images that cannot be de-identified with certainty stay in the box and go nowhere.";
    Instance: "画像キー", "Image key";
    Reason: "理由", "Reason";
    Pseudonym: "仮名 ID", "Pseudonym";
    StudyKey: "検査キー", "Study key";
    // Sending.
    Sending: "センターへの送信", "Sending to the central";
    Bundle: "送信バンドル", "Bundle";
    Objects: "オブジェクト {} 個", "{} objects";
    ReceiptFrom: "受領: {}", "Receipt from {}";
    NothingSent: "まだ送信していません。", "Nothing sent yet.";
    NothingToSend: "計測値がないため送信するものはありません。", "Nothing measured, nothing to send.";
    Downloads: "ダウンロード", "Downloads";
    Download: "{} をダウンロード", "Download {}";
    Journal: "記録", "Journal";
    Number: "番号", "No.";
    Time: "時刻", "Time";
    EventWord: "出来事", "Event";
    Modality: "モダリティ", "Modality";
    BodyPart: "部位", "Body part";
    Size: "サイズ", "Size";
    // Health.
    HealthGood: "正常", "Good";
    HealthPerson: "要確認", "Needs a person";
    HealthUnknown: "不明", "Not known";
    HealthOff: "停止中", "Off";
    Part: "部分", "Part";
    PartBox: "受信・仮名化 (box)", "Receiving, de-identification (box)";
    PartWorker: "計測 (worker)", "Measuring (worker)";
    PartForwarder: "送信 (forwarder)", "Sending (forwarder)";
    PartDatabase: "データベース", "Database";
    PartDisk: "空き容量", "Free disk space";
    PartOutbox: "送信待ち", "Waiting to be sent";
    PartCentral: "センターとの通信", "Contact with the central";
    PartInference: "推論エンジン", "Inference";
    PartPassOn: "院内 PACS への転送", "Passing on to the PACS";
    PassOnWaiting: "{}: {} 枚が転送待ち", "{}: {} images wait";
    NoCentral: "センターは設定されていません。結果は送信待ちに残ります。",
        "No central is set. Results wait in the outbox.";
    LastContact: "最終通信", "Last contact";
    NeverContact: "まだ通信していません。", "No contact yet.";
    Bundles: "{} 件", "{} bundles";
    FreeSpace: "{} GB 空き (予備 {} GB)", "{} GB free (reserve {} GB)";
    CheckedAt: "確認時刻", "Checked";
    // What the node turned away.
    Rejected: "受け付けなかった通信", "Turned away";
    RejectedNote: "受け付けなかった接続と画像です（新しい順、最大 256 件）。すべての記録はログにあります。",
        "Connections and images that were not accepted, the latest first, 256 at most. The log has every case.";
    NothingRejected: "受け付けなかった通信はありません。", "Nothing was turned away.";
    RejectedWhat: "内容", "What";
    RejectedFrom: "アドレス", "Address";
    CallingAe: "送信側 AE", "Calling AE";
    CalledAe: "宛先 AE", "Called AE";
    RejectedCount: "回数", "Times";
    RejectedSince: "最初", "Since";
    RejectedLast: "最終", "Last";
    Allow: "この送信元を許可", "Allow this sender";
    AllowPlain: "許可（暗号化なし）", "Allow without encryption";
    AllowNote: "このアドレスからのこの AE だけを受け付けます。",
        "Lets in this AE title from this address only.";
    Senders: "この画面で許可した送信元", "Senders allowed here";
    SendersNote: "設定ファイルの dicom.sources のほかに受け付ける送信元です。",
        "Let in besides dicom.sources of the settings file.";
    SenderRoad: "暗号化", "Encryption";
    SenderPlain: "なしでも可", "not required";
    SenderTls: "TLS のみ", "TLS only";
    SenderSince: "許可", "Allowed";
    Withdraw: "許可を取り消す", "Allow no longer";
    RejectedProtocol: "DICOM の版または用途が異なります", "Another protocol version or application context";
    RejectedCalledAe: "宛先の AE タイトルがこの装置のものではありません",
        "The called AE title is not this box's";
    RejectedCallingAe: "登録されていない送信元です", "This sender is not on the list";
    RejectedAddress: "登録済みの送信元ですが、アドレスが異なります",
        "The sender is on the list, but calls from another address";
    RejectedPlain: "暗号化 (TLS) でのみ送信できる送信元です", "This sender may send by TLS only";
    RejectedTls: "TLS 接続が成立しませんでした", "A TLS connection did not come about";
    RejectedBusy: "同時接続数の上限に達していました", "As many associations as allowed were open";
    RejectedNotDicom: "DICOM ではない通信です", "What came is not DICOM";
    RejectedViolation: "通信手順の誤りにより接続を終了しました",
        "The association broke the protocol and was ended";
    RejectedInterrupted: "画像の途中で接続が切れました", "The connection ended in the middle of an image";
    RejectedInstance: "画像を受け付けませんでした", "An image was not accepted";
    RemedyCalledAe: "送信側の宛先 AE を、この装置の設定 dicom.ae_title に合わせてください。",
        "Set the called AE at the sender to this box's dicom.ae_title.";
    RemedyCallingAe: "正しい装置であれば、ここで許可するか、設定ファイルの dicom.sources に追加してください。",
        "If it is one of yours, allow it here, or add it to dicom.sources in the settings file.";
    RemedyPlain: "送信側で TLS を使うか、その送信元の設定に plain = true を加えてください。",
        "Use TLS at the sender, or set plain = true for this source.";
    RemedyTls: "送信側の証明書（発行元、期限、失効）と TLS の版（1.2 以上）を確かめてください。",
        "Check the sender's certificate (authority, dates, revocation) and its TLS version (1.2 or newer).";
    RemedyAddress: "装置のアドレスが変わったのであれば、dicom.sources の address を直してください。",
        "If the unit's address has changed, correct its address in dicom.sources.";
    RemedyNotDicom: "別の機器がこのポートへ接続しています。アドレスを確認してください。",
        "Another kind of device connects to this port: look at its address.";
    RemedyInterrupted: "その画像は保存されていません。装置から再送してください。",
        "That image is not held: send it again from the unit.";
    RemedyInstance: "その画像は保存されていません。送信側にはこの状態コードを返しました。",
        "That image is not held. The sender was told this status.";
    // About.
    Version: "バージョン", "Version";
    Models: "モデル", "Models";
    WhatItDoes: "手関節の X 線 2 方向から橈骨と尺骨の形を推定する研究用装置です。個人情報は装置の中で取り除き、結果だけをセンターへ送ります。",
        "A research box that estimates the shape of radius and ulna from two X-rays of the wrist. The person is taken out inside the box; only results go to the central.";
    WhatItDoesNot: "診断はしません。患者での精度は確認されていません。骨折・小児・ギプス・金属のある手関節には使えません。",
        "It does not diagnose. Its accuracy on patients has not been measured. It is not made for fractures, children, casts or metal.";
    References: "参考範囲の出典", "Where the reference ranges come from";
    Licenses: "ライセンス", "Licenses";
    LicenseOwn: "bonebox: MIT または Apache-2.0", "bonebox: MIT or Apache-2.0";
    LicenseViewer: "3D 表示に含まれるソフトウェア", "Software inside the 3-D view";
    LoopbackOnly: "この画面は装置自身からのみ開けます。利用者登録がないため、氏名は表示しません。",
        "These pages open on the box itself only. There are no accounts, so no name is shown.";
    // Errors.
    NotFound: "見つかりません", "Not found";
    NotFoundText: "このページはありません。一覧から選び直してください。",
        "There is no such page. Go on from the list.";
    Refused: "受け付けられません", "Refused";
    RefusedText: "この依頼は別のページから送られたか、期限が切れています。検査のページを開き直してください。",
        "This request came from another page or is out of date. Open the study's page again.";
    Failed: "表示できません", "Cannot be shown";
    FailedText: "装置の記録を読めませんでした。少し待って再読み込みしてください。続く場合は担当者へ連絡してください。",
        "The box's records could not be read. Wait a moment and reload; if it stays, call service.";
    AgoNow: "たった今", "just now";
    AgoSeconds: "{} 秒前", "{} s ago";
    AgoMinutes: "{} 分前", "{} min ago";
    AgoHours: "{} 時間前", "{} h ago";
    AgoDays: "{} 日前", "{} d ago";
    Seconds: "{} 秒", "{} s";
    Milliseconds: "{} ms", "{} ms";
    Central: "センター", "Central";
    SignIn: "ログイン", "Sign in";
    SignOut: "ログアウト", "Sign out";
    UserName: "利用者名", "User name";
    Password: "パスワード", "Password";
    SignInFailed: "利用者名またはパスワードが違います。", "User name or password is wrong.";
    TooManyTries: "試行回数が多すぎます。{} 秒後にやり直してください。",
        "Too many tries. Try again in {} s.";
    Boxes: "装置", "Boxes";
    ObjectsWord: "オブジェクト", "Objects";
    Kind: "種類", "Kind";
    FromBox: "送信した装置", "From box";
    // Accounts.
    Account: "アカウント", "Account";
    Accounts: "利用者", "Accounts";
    NewAccount: "利用者を追加", "New account";
    AccountSince: "作成", "Made";
    AccountOpen: "有効", "Open";
    AccountClosed: "停止中", "Closed";
    OpenAccount: "再開", "Open again";
    CloseAccount: "停止", "Close";
    NewCode: "新しいコード", "New code";
    Code: "一回限りのコード", "One-time code";
    CodeFor: "{} さんのコード", "Code for {}";
    CodeNote: "一度だけ表示します。24 時間有効です。本人に渡してください。",
        "Shown this once, good for 24 hours. Hand it to its owner.";
    CodeWrong: "コードか利用者名が正しくないか、期限が切れています。",
        "The code or the name is wrong, or the code is too old.";
    HaveCode: "コードをお持ちの方はこちら", "You have a one-time code?";
    NameTaken: "この利用者名は使われています。", "This name is taken.";
    NameRule: "英小文字で始まる 2〜32 文字(a-z, 0-9, . _ -)",
        "2 to 32 characters of a-z, 0-9, . _ -, a letter first";
    PasswordRule: "{} 文字以上", "At least {} characters";
    PasswordAgain: "パスワード(確認)", "Password again";
    PasswordsDiffer: "パスワードが一致しません。", "The two passwords differ.";
    SetUp: "アカウントの設定", "Set up an account";
    SetUpFirst: "最初のアカウントは管理者です。コードは装置のデータフォルダの setup-code にあります。作成後は、全てのページでサインインが必要になります。",
        "The first account is the administrator's. Its code lies in the file setup-code in the box's data folder. From then on every page asks for a sign-in.";
    SetUpNote: "管理者から受け取ったコードで、パスワードを設定します。",
        "With the code from the administrator you set your password.";
    RoleWord: "役割", "Role";
    RoleRadiographer: "診療放射線技師", "Radiographer";
    RoleRadiographerNote: "検査と結果を見る。患者を確認し、隔離画像を判断する。",
        "Sees studies and results, may see who a patient is, decides about quarantined images.";
    RoleService: "保守担当", "Service";
    RoleServiceNote: "装置の状態だけを見る。", "Sees the box's state only.";
    RoleAdministrator: "管理者", "Administrator";
    RoleAdministratorNote: "全てを見る。利用者と送信元を管理する。",
        "Sees everything, looks after accounts and senders.";
    RoleAuditor: "監査担当", "Auditor";
    RoleAuditorNote: "記録だけを見る。", "Sees the journal only.";
    NotAllowed: "権限がありません", "Not allowed";
    NotAllowedText: "この役割ではできません。何も変更していません。",
        "Your role may not do this. Nothing was changed.";
    JournalNote: "新しい順に {} 件まで。各記録は前の記録とつながり、改ざんを検出できます。",
        "The newest {}. Each entry is sealed to the one before it, so a change shows.";
    ShowPeople: "利用者と患者確認", "People and reveals";
    // Who somebody is.
    PersonWord: "患者", "Patient";
    Reveal: "患者を確認", "Show who it is";
    RevealNote: "確認すると、利用者名・時刻・理由が記録されます。",
        "Each look is recorded: who, when and why.";
    RevealRecorded: "この確認は記録されました。ページを閉じると消えます。",
        "This look was recorded. It is gone when you close the page.";
    RevealNeedsAccount: "患者の確認には、サインインが必要です。",
        "To see who it is, sign in with an account.";
    NobodyKnown: "この仮名の患者は登録されていません(患者 ID なし、または撤回済み)。",
        "Nobody is known under this pseudonym: the images had no patient ID, or the patient withdrew.";
    WhyWord: "理由", "Reason";
    WhyClinical: "診療上の確認", "A question about the patient's care";
    WhyWrongPatient: "患者取り違えの疑い", "The images may be another patient's";
    WhyPatient: "患者本人の求め", "The patient asks";
    WhyInspection: "監査・点検", "Inspection by the hospital";
    PatientName: "患者氏名", "Patient's name";
    PatientId: "患者 ID", "Patient ID";
    PatientIssuer: "ID 発行元", "Issuer of the ID";
    PatientBirth: "生年月日", "Birth date";
    PatientWithdraws: "患者の撤回", "The patient withdraws";
    WithdrawNote: "この患者について装置が保管する全て(画像・結果・仮名との対応)を消去し、センターにも消去を求めます。以後この患者の画像は処理しません。元に戻せません。",
        "Everything that the box holds of this patient (images, results, the link to the pseudonym) is erased, the central is told to erase it, and nothing of theirs is processed again. This cannot be undone.";
    WithdrawSure: "患者本人の意思を確認しました。", "The patient's wish was confirmed.";
    WithdrawBegun: "撤回を受け付けました。数秒で消去されます。センターへの通知は、届くまで繰り返します。",
        "The wish is written down. Within seconds all is erased here; the central is told until it confirms.";
    // Quarantine.
    QuarantineDays: "判断されない画像は、受信から {} 日で破棄します。",
        "What nobody decides about is dropped {} days after it came.";
    NothingHeld: "隔離中の画像はありません。", "Nothing is held apart.";
    Look: "画像を見る", "Look at the image";
    Release: "隔離を解除", "Let it pass";
    ReleaseSure: "画像を見て、患者を特定できる情報がないことを確認しました。",
        "I looked at the image: nothing in it shows who the patient is.";
    CannotBeReleased: "この理由では解除できません。仮名化できないためです。",
        "For this reason nobody can let it pass: it cannot be de-identified.";
    DropImage: "破棄", "Drop it";
    DropSure: "この画像は不要です。元に戻せません。",
        "The image is not needed. This cannot be undone.";
    PreviewAlt: "隔離中の画像", "The image that is held apart";
    NoPreview: "この形式の画像は表示できません(圧縮、またはカラー)。",
        "No preview of this kind of image can be drawn: compressed, or in color.";
    // What de-identification did.
    Rules: "規則ごとの処理", "What was done by which rule";
    RuleWord: "規則", "Rule";
    RuleCount: "件数", "Attributes";
    RulesNote: "属性の値は表示しません。文字は DICOM PS3.15 表 E.1-1 の処理記号です。",
        "No value is shown. Letters are the actions of DICOM PS3.15, Table E.1-1.";
}

impl Text {
    /// The text with its `{}` filled in, in order.
    #[must_use]
    pub fn fill(self, language: Language, values: &[&dyn Display]) -> String {
        let mut parts = self.say(language).split("{}");
        let mut filled = parts.next().unwrap_or("").to_owned();
        for (index, part) in parts.enumerate() {
            if let Some(value) = values.get(index) {
                filled.push_str(&value.to_string());
            }
            filled.push_str(part);
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_exists_in_both_languages() {
        assert!(Text::ALL.len() > 100);
        let count = |text: &str| text.matches("{}").count();
        for text in Text::ALL {
            let [ja, en] = Language::ALL.map(|language| text.say(language));
            assert!(!ja.trim().is_empty() && !en.trim().is_empty(), "{text:?}");
            assert_eq!(count(ja), count(en), "{text:?}");
            assert!(
                en.is_ascii() || en.contains(['°', '−', '±']),
                "{text:?}: {en}"
            );
        }
    }

    #[test]
    fn japanese_is_japanese() {
        let same = ["PA", "{} ms"];
        for text in Text::ALL {
            let [ja, en] = Language::ALL.map(|language| text.say(language));
            let written = ja.chars().any(|c| ('\u{3040}'..='\u{9fff}').contains(&c));
            assert!(written || same.contains(&en), "{text:?}: {ja}");
        }
    }

    #[test]
    fn values_are_filled_in_order() {
        let text = Text::FreeSpace.fill(Language::English, &[&12, &"0.5"]);
        assert_eq!(text, "12 GB free (reserve 0.5 GB)");
        assert_eq!(Text::OneImage.fill(Language::English, &[&1]), "1 image");
    }
}
