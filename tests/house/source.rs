//! A source file as the rules see it: comments and texts blanked.

/// A source file with its comments and texts blanked, line by line.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) raw: &'a str,
    pub(crate) lines: Vec<String>,
    /// The first line of the tests at the file's foot.
    pub(crate) tests_from: usize,
}

impl<'a> Source<'a> {
    /// Blanks a text and finds its tests.
    pub(crate) fn new(path: &'a str, raw: &'a str) -> Self {
        let lines: Vec<String> = blanked(raw).lines().map(str::to_owned).collect();
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        let foot = lines.iter().position(|line| line.trim() == "#[cfg(test)]");
        let tests_from = if is_test {
            0
        } else {
            foot.unwrap_or(lines.len())
        };
        Self {
            path,
            raw,
            lines,
            tests_from,
        }
    }

    /// The room that the file belongs to; `main` and `lib` for those files.
    pub(crate) fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(self.path);
        let first = inside.split('/').next().unwrap_or(inside);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many modules deep a line stands: 1 at the top of a room, one more in
    /// each file below it and in the tests at a file's foot.
    pub(crate) fn depth(&self, line: usize) -> usize {
        let files = self.path.matches('/').count();
        let top = usize::from(self.path.ends_with("/mod.rs"));
        let at_foot = self.tests_from > 0 && line > self.tests_from;
        files - top + usize::from(at_foot)
    }

    /// Where a path starting with `name` is written: line number (from 1) and
    /// what follows `name::`.
    pub(crate) fn paths(&self, name: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            for (start, _) in line.match_indices(name) {
                let before = &line[..start];
                let left = before.chars().next_back();
                if left.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
                    continue;
                }
                let absolute = before.strip_suffix("::").map(|b| b.chars().next_back());
                if absolute
                    .is_some_and(|c| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '>'))
                {
                    continue;
                }
                if let Some(rest) = line[start + name.len()..].strip_prefix("::") {
                    found.push((at + 1, rest.to_owned()));
                }
            }
        }
        found
    }

    /// Lines, tests at the foot left out, that contain a text as a whole word.
    pub(crate) fn lines_with(&self, text: &str) -> Vec<usize> {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let product = self.lines.iter().take(self.tests_from).enumerate();
        let holds = |line: &String| {
            line.match_indices(text)
                .any(|(start, _)| !word(line[..start].chars().next_back()))
        };
        product
            .filter(|(_, line)| holds(line))
            .map(|(at, _)| at + 1)
            .collect()
    }
}

/// Replaces comments, string and character literals by spaces; lines stay.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(
                chars[at..end]
                    .iter()
                    .map(|&c| if c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at` if none does.
fn literal_end(chars: &[char], at: usize) -> usize {
    let starts = |from: usize, text: &str| {
        text.chars()
            .enumerate()
            .all(|(i, c)| chars.get(from + i) == Some(&c))
    };
    let find = |mut from: usize, text: &str| {
        while from < chars.len() && !starts(from, text) {
            from += 1;
        }
        (from + text.chars().count()).min(chars.len())
    };
    if starts(at, "//") {
        return find(at, "\n") - usize::from(chars[at..].contains(&'\n'));
    }
    if starts(at, "/*") {
        let (mut depth, mut from) = (1, at + 2);
        while from < chars.len() && depth > 0 {
            let (opens, closes) = (starts(from, "/*"), starts(from, "*/"));
            depth = depth + i32::from(opens) - i32::from(closes);
            from += if opens || closes { 2 } else { 1 };
        }
        return from.min(chars.len());
    }
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    let raw_at = if starts(at, "br") { at + 2 } else { at + 1 };
    if !in_word
        && (starts(at, "r\"") || starts(at, "r#") || starts(at, "br\"") || starts(at, "br#"))
    {
        let hashes = chars[raw_at..].iter().take_while(|c| **c == '#').count();
        if chars.get(raw_at + hashes) == Some(&'"') {
            return find(raw_at + hashes + 1, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    if starts(at, "\"") {
        let mut from = at + 1;
        while from < chars.len() && chars[from] != '"' {
            from += if chars[from] == '\\' { 2 } else { 1 };
        }
        return (from + 1).min(chars.len());
    }
    if starts(at, "'\\") {
        return find(at + 3, "'");
    }
    if starts(at, "'") && chars.get(at + 2) == Some(&'\'') {
        return at + 3;
    }
    at
}
