//! A page as a browser gets it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::let_underscore_must_use,
    reason = "tests"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The body of a page on loopback.
pub(crate) fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends the form of a page in which a hidden field has this value, as its
/// button does; the answer.
pub(crate) fn press(port: u16, page: &str, (name, wanted): (&str, &str)) -> String {
    let text = get(port, page);
    let hidden = format!("name=\"{name}\" value=\"{wanted}\"");
    let form = text
        .split("<form")
        .skip(1)
        .filter_map(|rest| rest.split("</form>").next())
        .find(|form| form.contains(&hidden))
        .unwrap();
    let action = form.split("action=\"").nth(1).unwrap();
    let action = action.split('"').next().unwrap();
    let fields: Vec<String> = form
        .split("name=\"")
        .skip(1)
        .map(|field| {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            format!("{name}={}", rest.split('"').next().unwrap())
        })
        .collect();
    let body = fields.join("&");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let host = format!("127.0.0.1:{port}");
    let head = format!(
        "POST {action} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A browser that keeps its session's cookie.
pub(crate) struct Browser {
    port: u16,
    cookie: String,
}

impl Browser {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port,
            cookie: String::new(),
        }
    }

    fn exchange(&mut self, first: &str, more: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let request = format!(
            "{first} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nCookie: {}\r\n{more}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            self.cookie,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        for line in answer.lines().take_while(|line| !line.is_empty()) {
            if let Some(cookie) = line.strip_prefix("set-cookie: bonebox_session=") {
                let token = cookie.split(';').next().unwrap_or_default();
                self.cookie = format!("bonebox_session={token}");
            }
        }
        answer
    }

    /// Head and body of a page.
    pub(crate) fn get(&mut self, path: &str) -> String {
        self.exchange(&format!("GET {path}"), "", "")
    }

    /// Sends fields of plain letters, from our own page.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+")))
            .collect();
        let origin = format!("Origin: http://127.0.0.1:{}\r\n", self.port);
        self.exchange(&format!("POST {path}"), &origin, &fields.join("&"))
    }

    /// Fills in the form of a page that leads to an address.
    pub(crate) fn submit(&mut self, page: &str, to: &str, fields: &[(&str, &str)]) -> String {
        self.submit_one(page, to, "", fields)
    }

    /// The same, of several forms the one that holds some words.
    pub(crate) fn submit_one(
        &mut self,
        page: &str,
        to: &str,
        words: &str,
        fields: &[(&str, &str)],
    ) -> String {
        let forms = page.split("<form").skip(1);
        let forms = forms.filter_map(|rest| rest.split("</form>").next());
        let mut forms =
            forms.filter(|form| form.contains(&format!("action=\"{to}\"")) && form.contains(words));
        let form = forms.next().unwrap_or_else(|| panic!("no form to {to}"));
        let rest = form.split("name=\"token\" value=\"").nth(1).unwrap();
        let token = rest.split('"').next().unwrap();
        let all = [&[("token", token)], fields].concat();
        self.post(to, &all)
    }
}
