//! Who opens which page. Until there is an account the box shows studies and
//! health to whoever sits at it, as it did, and no person to anyone; from the
//! first account on every page but the sign-in asks who it is.

use std::convert::Infallible;
use std::sync::PoisonError;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::{Board, DashboardError};
use crate::identity::Sessions;
use crate::names::AccountName;
use crate::names::Role;

/// The session's cookie.
pub(super) const COOKIE: &str = "bonebox_session";

/// Who asks for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Visitor {
    /// There is no account yet.
    Open,
    /// Not signed in.
    Stranger,
    /// Signed in.
    Person(Person),
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// The account.
    pub(super) name: AccountName,
    /// Its role.
    pub(super) role: Role,
    /// What tells this session from others: forms carry a token made with it.
    pub(super) session: String,
}

impl Visitor {
    /// Who is signed in, if somebody is.
    pub(super) fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) => Some(person),
            Self::Open | Self::Stranger => None,
        }
    }

    /// The signed-in person, if their role may see who a patient is.
    pub(super) fn seer(&self) -> Option<&Person> {
        self.person().filter(|person| person.role.may_see_people())
    }

    /// Whether a door opens.
    fn may(&self, door: Door) -> bool {
        match (self, door) {
            (_, Door::Anyone) => true,
            (Self::Stranger, _) => false,
            (Self::Open, door) => matches!(door, Door::SignedIn | Door::Studies | Door::Senders),
            (Self::Person(person), door) => match door {
                Door::Anyone | Door::SignedIn => true,
                Door::Studies | Door::People => person.role.may_see_people(),
                Door::Senders | Door::Accounts => person.role == Role::Administrator,
                Door::Journal => matches!(person.role, Role::Administrator | Role::Auditor),
            },
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // `dress` put it there; without it nobody is anybody.
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or(Self::Stranger))
    }
}

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// The way in, and what has nothing of a study.
    Anyone,
    /// The box's own state.
    SignedIn,
    /// Pseudonymous studies and results.
    Studies,
    /// Who somebody is, and decisions about their images.
    People,
    /// Who may send.
    Senders,
    /// Who may sign in.
    Accounts,
    /// What happened.
    Journal,
}

impl Door {
    fn of(method: &Method, path: &str) -> Self {
        let mut parts = path.trim_start_matches('/').split('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        match parts.next().unwrap_or_default() {
            "assets" | "language" | "sign-in" | "set-up" | "health.json" => Self::Anyone,
            "health" if method != Method::GET => Self::Senders,
            "accounts" => Self::Accounts,
            "journal" => Self::Journal,
            "quarantine" => Self::People,
            "studies" if matches!(last, "reveal" | "withdraw") => Self::People,
            "" | "studies" | "artefacts" => Self::Studies,
            _ => Self::SignedIn,
        }
    }
}

/// Who sends a request. On a fault of the records: nobody.
pub(super) async fn identify(board: &Board, headers: &HeaderMap) -> Visitor {
    let cookies = cookies(headers).to_owned();
    let look = move |board: &Board| -> Result<Visitor, DashboardError> {
        let now = board.clock.now();
        let session = board.sessions().use_one(&cookies, now);
        if let Some((name, key)) = session
            && let Some(account) = board.store.account(&name)?
            && !account.closed
        {
            return Ok(Visitor::Person(Person {
                name,
                role: account.role,
                session: key.hex(),
            }));
        }
        let has_accounts = board.store.has_accounts()?;
        Ok(if has_accounts {
            Visitor::Stranger
        } else {
            Visitor::Open
        })
    };
    board.blocking(look).await.unwrap_or(Visitor::Stranger)
}

/// The answer to a request that may not be answered; nothing if it may.
pub(super) fn refusal(visitor: &Visitor, method: &Method, path: &str) -> Option<Response> {
    if visitor.may(Door::of(method, path)) {
        return None;
    }
    Some(match visitor {
        Visitor::Stranger if method == Method::GET => Redirect::to("/sign-in").into_response(),
        Visitor::Stranger => DashboardError::Forbidden.into_response(),
        Visitor::Open if method == Method::GET => Redirect::to("/set-up").into_response(),
        Visitor::Open | Visitor::Person(_) => DashboardError::NotAllowed.into_response(),
    })
}

/// The request's cookies.
pub(super) fn cookies(headers: &HeaderMap) -> &str {
    let cookies = headers.get(header::COOKIE);
    cookies.and_then(|value| value.to_str().ok()).unwrap_or("")
}

impl Board {
    /// The open sessions.
    pub(super) fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions<AccountName>> {
        // A panic leaves no half session.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn person(role: Role) -> Visitor {
        Visitor::Person(Person {
            name: "ito".parse().unwrap(),
            role,
            session: String::new(),
        })
    }

    #[test]
    fn each_role_has_its_pages() {
        let check = |path: &str, open: bool, roles: &[Role]| {
            for method in [Method::GET, Method::POST] {
                let may = |visitor: &Visitor| visitor.may(Door::of(&method, path));
                assert_eq!(may(&Visitor::Open), open, "{method} {path}");
                for role in Role::ALL {
                    let right = roles.contains(&role);
                    assert_eq!(may(&person(role)), right, "{method} {path} {role:?}");
                }
                let anyone = Door::of(&method, path) == Door::Anyone;
                assert_eq!(may(&Visitor::Stranger), anyone, "{method} {path}");
            }
        };
        let seers = [Role::Radiographer, Role::Administrator];
        for path in ["/", "/studies/0/1", "/studies/0/1/ask", "/artefacts/0"] {
            check(path, true, &seers);
        }
        for path in [
            "/studies/0/1/reveal",
            "/studies/0/1/withdraw",
            "/quarantine/0",
        ] {
            check(path, false, &seers);
        }
        check("/accounts", false, &[Role::Administrator]);
        check("/journal", false, &[Role::Administrator, Role::Auditor]);
        for path in ["/about", "/events", "/account", "/no-such-page"] {
            check(path, true, &Role::ALL);
        }
        for path in ["/sign-in", "/set-up", "/assets/x", "/health.json"] {
            check(path, true, &Role::ALL);
        }
        let senders = Door::of(&Method::POST, "/health/senders");
        assert!(person(Role::Administrator).may(senders) && Visitor::Open.may(senders));
        assert!(!person(Role::Service).may(senders));
        assert!(person(Role::Service).may(Door::of(&Method::GET, "/health")));
    }
}
