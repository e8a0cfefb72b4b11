//! Reads one value of a browser's form (`application/x-www-form-urlencoded`).

/// The value of a field; empty if it is not there.
#[must_use]
pub fn form_value(body: &[u8], field: &str) -> String {
    let pairs = body.split(|byte| *byte == b'&');
    let found = pairs
        .filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            Some((decode(pair.get(..at)?), decode(pair.get(at + 1..)?)))
        })
        .find(|(name, _)| name == field);
    found.map(|(_, value)| value).unwrap_or_default()
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, hex) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            (other, _) => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let body = b"user=demo&password=a+b%26%E5%B1%B1%zz%4&x";
        assert_eq!(form_value(body, "user"), "demo");
        assert_eq!(form_value(body, "password"), "a b&山%zz%4");
        assert_eq!(form_value(body, "none"), "");
    }
}
