//! Signing in, the first account, and the accounts.
//!
//! An account is made by a one-time code: the first by the code that the box
//! wrote beside its data at its start, the others by one that an administrator
//! gets shown once. Whoever has a code chooses the password.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::access::{Visitor, cookies};
use super::asks::from_our_page;
use super::reader::{Html, Reader};
use super::words::moment;
use super::{Board, DashboardError};
use crate::audit::Event;
use crate::identity::PasswordHash;
use crate::identity::hash_password;
use crate::identity::random_code;
use crate::identity::random_token;
use crate::names::AccountName;
use crate::names::Role;
use crate::page::Text;
use crate::page::form_value;
use crate::store::Account;
use crate::store::Opened;

/// How long a code for a further account is good.
const CODE_LASTS: Duration = Duration::from_secs(24 * 3600);
/// The shortest and the longest password, in characters and bytes.
const SHORTEST: usize = 12;
const LONGEST: usize = 200;

/// `GET /sign-in`.
pub(super) async fn ask(reader: Reader) -> Html {
    sign_in_page(&reader, None)
}

fn sign_in_page(reader: &Reader, fault: Option<&str>) -> Html {
    let body = html! {
        section.panel {
            h1 { (reader.say(Text::SignIn)) }
            (told(fault))
            form.stacked method="post" action="/sign-in" {
                label.field { (reader.say(Text::UserName))
                    input type="text" name="name" autocomplete="username" required autofocus; }
                label.field { (reader.say(Text::Password))
                    input type="password" name="password" autocomplete="current-password" required; }
                button.primary type="submit" { (reader.say(Text::SignIn)) }
            }
            p.muted.small { a href="/set-up" { (reader.say(Text::HaveCode)) } }
        }
    };
    reader.layout(reader.say(Text::SignIn), &body)
}

fn told(fault: Option<&str>) -> Markup {
    html! { @if let Some(fault) = fault { p.trouble-line role="alert" { (fault) } } }
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    State(board): State<Board>,
    reader: Reader,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    if !from_our_page(&headers) {
        return Err(DashboardError::Forbidden);
    }
    let refuse = |text: &str| {
        let page = sign_in_page(&reader, Some(text));
        Ok((StatusCode::UNAUTHORIZED, page).into_response())
    };
    // One password at a time is hashed: the work is dear on purpose.
    let turn = Arc::clone(&board.hashing).acquire_owned().await;
    let _turn = turn.map_err(|_| DashboardError::Ended)?;
    if let Some(left) = board.sessions().locked(board.clock.now()) {
        let seconds = left.as_secs().max(1);
        return refuse(&Text::TooManyTries.fill(reader.language, &[&seconds]));
    }
    let name = form_value(&body, "name").parse::<AccountName>().ok();
    let password = form_value(&body, "password");
    let account = board
        .blocking(move |board| {
            let account = name.map(|name| board.store.account(&name)).transpose()?;
            let account = account.flatten().filter(|account| !account.closed);
            let good = is_password(account.as_ref(), &password);
            let event = match &account {
                Some(account) if good => Event::SignedIn {
                    who: account.name.to_string(),
                },
                _ => Event::SignInFailed,
            };
            board.store.record(event)?;
            Ok(account.filter(|_| good))
        })
        .await?;
    let now = board.clock.now();
    let Some(account) = account else {
        board.sessions().failed(now);
        return refuse(reader.say(Text::SignInFailed));
    };
    let token = random_token().map_err(|_| DashboardError::Ended)?;
    let cookie = {
        let mut sessions = board.sessions();
        sessions.open(&token, account.name, now);
        sessions.set_cookie(&token)
    };
    Ok(redirect(home(account.role), &cookie))
}

/// Whether a password is an account's. One is hashed where there is no account
/// too: the time tells nothing.
fn is_password(account: Option<&Account>, password: &str) -> bool {
    let hash = account.and_then(|account| account.password.parse::<PasswordHash>().ok());
    match hash {
        Some(hash) => hash.verify(password),
        None => {
            drop(hash_password(password));
            false
        }
    }
}

/// Where a role's work is.
const fn home(role: Role) -> &'static str {
    match role {
        Role::Radiographer | Role::Administrator => "/",
        Role::Service => "/health",
        Role::Auditor => "/journal",
    }
}

fn redirect(to: &str, cookie: &str) -> Response {
    let mut answer = Redirect::to(to).into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// `GET /account`: who is signed in.
pub(super) async fn own(State(board): State<Board>, visitor: Visitor, reader: Reader) -> Response {
    let Some(person) = visitor.person() else {
        return Redirect::to("/set-up").into_response();
    };
    let body = html! {
        section.panel {
            h1 { (reader.say(Text::Account)) }
            dl.facts {
                dt { (reader.say(Text::UserName)) } dd { (person.name) }
                dt { (reader.say(Text::RoleWord)) }
                dd { (reader.say(role_word(person.role))) p.muted.small { (reader.say(role_note(person.role))) } }
            }
            form method="post" action="/sign-out" {
                input type="hidden" name="token" value=(board.token(&reader, &"sign-out"));
                button type="submit" { (reader.say(Text::SignOut)) }
            }
        }
    };
    reader
        .layout(reader.say(Text::Account), &body)
        .into_response()
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    State(board): State<Board>,
    reader: Reader,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    board.check(&reader, &headers, &body, &"sign-out")?;
    let cookie = {
        let mut sessions = board.sessions();
        sessions.close(cookies(&headers));
        sessions.clear_cookie()
    };
    Ok(redirect("/sign-in", &cookie))
}

/// `GET /set-up`: a code becomes an account.
pub(super) async fn set_up(reader: Reader, visitor: Visitor) -> Html {
    set_up_page(&reader, visitor == Visitor::Open, None)
}

fn set_up_page(reader: &Reader, is_first: bool, fault: Option<&str>) -> Html {
    let note = if is_first {
        Text::SetUpFirst
    } else {
        Text::SetUpNote
    };
    let body = html! {
        section.panel {
            h1 { (reader.say(Text::SetUp)) }
            p { (reader.say(note)) }
            (told(fault))
            form.stacked method="post" action="/set-up" {
                label.field { (reader.say(Text::Code))
                    input type="text" name="code" autocomplete="one-time-code" required autofocus; }
                label.field { (reader.say(Text::UserName))
                    input type="text" name="name" autocomplete="username" required;
                    span.muted.small { (reader.say(Text::NameRule)) } }
                label.field { (reader.say(Text::Password))
                    input type="password" name="password" autocomplete="new-password" required;
                    span.muted.small { (Text::PasswordRule.fill(reader.language, &[&SHORTEST])) } }
                label.field { (reader.say(Text::PasswordAgain))
                    input type="password" name="again" autocomplete="new-password" required; }
                button.primary type="submit" { (reader.say(Text::SetUp)) }
            }
        }
    };
    reader.layout(reader.say(Text::SetUp), &body)
}

/// `POST /set-up`.
pub(super) async fn open(
    State(board): State<Board>,
    reader: Reader,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    if !from_our_page(&headers) {
        return Err(DashboardError::Forbidden);
    }
    let refuse = |text: Text, values: &[&dyn std::fmt::Display]| {
        let words = text.fill(reader.language, values);
        let page = set_up_page(&reader, visitor == Visitor::Open, Some(&words));
        Ok((StatusCode::BAD_REQUEST, page).into_response())
    };
    let value = |field| form_value(&body, field);
    let (code, password) = (value("code"), value("password"));
    let Ok(name) = value("name").parse::<AccountName>() else {
        return refuse(Text::NameRule, &[]);
    };
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        return refuse(Text::PasswordRule, &[&SHORTEST]);
    }
    if password != value("again") {
        return refuse(Text::PasswordsDiffer, &[]);
    }
    let turn = Arc::clone(&board.hashing).acquire_owned().await;
    let _turn = turn.map_err(|_| DashboardError::Ended)?;
    if let Some(left) = board.sessions().locked(board.clock.now()) {
        return refuse(Text::TooManyTries, &[&left.as_secs().max(1)]);
    }
    let opened = board
        .blocking(move |board| {
            let hash = hash_password(&password).map_err(|_| DashboardError::Ended)?;
            Ok(board.store.use_code(&code, &name, hash.as_str())?)
        })
        .await?;
    match opened {
        Opened::Done(name, _) => {
            // Who had the old password is out.
            board.sessions().close_those(|who| *who == name);
            Ok(Redirect::to("/sign-in").into_response())
        }
        Opened::Taken => refuse(Text::NameTaken, &[]),
        Opened::NoCode => {
            board.sessions().failed(board.clock.now());
            refuse(Text::CodeWrong, &[])
        }
    }
}

const fn role_word(role: Role) -> Text {
    match role {
        Role::Radiographer => Text::RoleRadiographer,
        Role::Service => Text::RoleService,
        Role::Administrator => Text::RoleAdministrator,
        Role::Auditor => Text::RoleAuditor,
    }
}

const fn role_note(role: Role) -> Text {
    match role {
        Role::Radiographer => Text::RoleRadiographerNote,
        Role::Service => Text::RoleServiceNote,
        Role::Administrator => Text::RoleAdministratorNote,
        Role::Auditor => Text::RoleAuditorNote,
    }
}

/// `GET /accounts`.
pub(super) async fn accounts(
    State(board): State<Board>,
    reader: Reader,
) -> Result<Html, DashboardError> {
    accounts_page(&board, &reader, None).await
}

/// A code that is shown once.
struct Shown {
    name: AccountName,
    code: String,
}

async fn accounts_page(
    board: &Board,
    reader: &Reader,
    shown: Option<Shown>,
) -> Result<Html, DashboardError> {
    let list = board.blocking(|board| Ok(board.store.accounts()?)).await?;
    let heads = [
        Text::UserName,
        Text::RoleWord,
        Text::AccountSince,
        Text::StateWord,
    ];
    let body = html! {
        h1 { (reader.say(Text::Accounts)) }
        @if let Some(shown) = shown {
            section.panel.person role="alert" {
                h2 { (Text::CodeFor.fill(reader.language, &[&shown.name])) }
                p.big { code { (shown.code) } }
                p { (reader.say(Text::CodeNote)) }
            }
        }
        table.cards {
            thead { tr { @for head in heads { th scope="col" { (reader.say(head)) } } th {} } }
            tbody {
                @for account in &list {
                    tr {
                        td data-head=(reader.say(heads[0])) { b { (account.name) } }
                        td data-head=(reader.say(heads[1])) { (reader.say(role_word(account.role))) }
                        td data-head=(reader.say(heads[2])) { (moment(account.made)) }
                        td data-head=(reader.say(heads[3])) {
                            @if account.closed { (reader.say(Text::AccountClosed)) }
                            @else { (reader.say(Text::AccountOpen)) }
                        }
                        td {
                            @let (kind, text) = if account.closed {
                                ("open", Text::OpenAccount)
                            } else {
                                ("close", Text::CloseAccount)
                            };
                            form method="post" action="/accounts" {
                                (hidden(board, reader, kind, account.name.as_str()))
                                button type="submit" { (reader.say(text)) }
                            }
                            form method="post" action="/accounts" {
                                (hidden(board, reader, "code", account.name.as_str()))
                                input type="hidden" name="role" value=(account.role.as_str());
                                button type="submit" { (reader.say(Text::NewCode)) }
                            }
                        }
                    }
                }
            }
        }
        section.panel {
            h2 { (reader.say(Text::NewAccount)) }
            form.stacked method="post" action="/accounts" {
                input type="hidden" name="token" value=(board.token(reader, &"accounts new"));
                input type="hidden" name="kind" value="new";
                label.field { (reader.say(Text::UserName))
                    input type="text" name="name" autocomplete="off" required;
                    span.muted.small { (reader.say(Text::NameRule)) } }
                fieldset {
                    legend { (reader.say(Text::RoleWord)) }
                    @for role in Role::ALL {
                        label.choice {
                            input type="radio" name="role" value=(role.as_str()) required;
                            span { b { (reader.say(role_word(role))) } " "
                                span.muted.small { (reader.say(role_note(role))) } }
                        }
                    }
                }
                button.primary type="submit" { (reader.say(Text::NewAccount)) }
            }
        }
    };
    Ok(reader.layout(reader.say(Text::Accounts), &body))
}

fn hidden(board: &Board, reader: &Reader, kind: &str, name: &str) -> Markup {
    html! {
        input type="hidden" name="token" value=(board.token(reader, &format!("accounts {kind} {name}")));
        input type="hidden" name="kind" value=(kind);
        input type="hidden" name="name" value=(name);
    }
}

/// `POST /accounts`.
pub(super) async fn change(
    State(board): State<Board>,
    reader: Reader,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    let value = |field| form_value(&body, field);
    let (kind, typed) = (value("kind"), value("name"));
    let of = match kind.as_str() {
        "new" => "accounts new".to_owned(),
        other => format!("accounts {other} {typed}"),
    };
    board.check(&reader, &headers, &body, &of)?;
    let Some(person) = visitor.person() else {
        return Err(DashboardError::NotAllowed);
    };
    let Ok(name) = typed.parse::<AccountName>() else {
        return Err(DashboardError::NotFound);
    };
    let who = person.name.clone();
    match kind.as_str() {
        "new" | "code" => {
            let role = Role::from_name(&value("role")).ok_or(DashboardError::NotFound)?;
            let code = random_code().map_err(|_| DashboardError::Ended)?;
            let shown = Shown {
                name: name.clone(),
                code: code.clone(),
            };
            board
                .blocking(move |board| {
                    let store = &board.store;
                    Ok(store.make_code(&code, &name, role, CODE_LASTS, &who)?)
                })
                .await?;
            let page = accounts_page(&board, &reader, Some(shown)).await?;
            Ok(page.into_response())
        }
        "close" | "open" => {
            let closed = kind == "close";
            let gone = name.clone();
            let done = board
                .blocking(move |board| Ok(board.store.close_account(&name, closed, &who)?))
                .await?;
            if !done {
                return Err(DashboardError::NotAllowed);
            }
            if closed {
                board.sessions().close_those(|who| *who == gone);
            }
            Ok(Redirect::to("/accounts").into_response())
        }
        _ => Err(DashboardError::NotFound),
    }
}
