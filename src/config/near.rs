//! The known name that was probably meant.

/// The nearest of `known`, when it is near enough that a typing slip explains the difference.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Nobody's typing slip is longer than this; the cost below is quadratic.
    const LONGEST: usize = 64;
    if name.is_empty() || name.chars().nth(LONGEST).is_some() {
        return None;
    }
    let wanted = folded(name);
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, &folded(candidate)), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| {
            // One slip in three letters; `3.0` is not a misspelt `1.0`.
            let shorter = folded(candidate).len().min(wanted.len());
            *distance <= (shorter / 3).min(3)
        })
        .map(|(_, candidate)| candidate)
}

/// `maxBytes`, `max-bytes` and `max_bytes` are one name to a person.
fn folded(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Levenshtein distance with one row.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, l) in left.iter().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        let mut next = vec![before];
        for (r, above) in right.iter().zip(row.iter().skip(1)) {
            let change = diagonal + usize::from(l != r);
            diagonal = *above;
            before = change.min(above + 1).min(before + 1);
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = [
            "audiences",
            "any_audience",
            "algorithms",
            "issuer",
            "leeway",
            "10",
        ];
        for (name, meant) in [
            ("audience", Some("audiences")),
            ("audiance", Some("audiences")),
            ("algoritms", Some("algorithms")),
            ("Issuer", Some("issuer")),
            ("anyAudience", Some("any_audience")),
            ("leway", Some("leeway")),
            ("colour", None),
            ("30", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn the_distance_counts_edits() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
        assert_eq!(distance(&chars("abc"), &chars("abc")), 0);
    }
}
