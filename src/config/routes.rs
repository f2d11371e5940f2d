//! `routes:` and `strict_paths:`.

use http::Method;

use super::problem::{Mistake, Problems, shown};
use super::record::{Data, Item, Record};
use crate::jose::json::Json;
use crate::policy::{Access, Condition, RouteConfig, RouteTable, Rule, StrictPaths};

pub(super) fn strict_paths(root: &Record) -> StrictPaths {
    let allowed = root
        .record("strict_paths")
        .map(|record| record.texts("allow"))
        .unwrap_or_default();
    let has = |name: &str| allowed.iter().any(|allowed| allowed == name);
    StrictPaths {
        semicolon: has("semicolon"),
        encoded_slash: has("encoded_slash"),
        double_slash: has("double_slash"),
    }
}

const ABOUT_ROUTES: &str = "`path` is exact, as in `/admin`, or covers all below, as in `/admin/*`; `require` is for routes that need a token";

/// `None`: the key is not there, and everything needs a token.
pub(super) fn routes(
    root: &Record,
    strict: StrictPaths,
    problems: &mut Problems,
) -> Option<Vec<RouteConfig>> {
    if !root.given("routes") {
        return None;
    }
    let entries: Vec<Entry<'_>> = root
        .items("routes")
        .iter()
        .filter_map(Item::record)
        .map(|record| entry(record, problems))
        .collect();
    check(&entries, strict, problems);
    Some(entries.into_iter().map(|entry| entry.route).collect())
}

struct Entry<'r> {
    record: &'r Record,
    /// With a stand-in for each key that is wrong, so that the others are checked all the same.
    route: RouteConfig,
}

/// The table itself says what it cannot take, so that the two cannot disagree.
fn check(entries: &[Entry<'_>], strict: StrictPaths, problems: &mut Problems) {
    let table = |entries: &[&Entry<'_>]| {
        let routes = entries.iter().map(|entry| entry.route.clone()).collect();
        RouteTable::new(routes, strict)
    };
    let every: Vec<&Entry<'_>> = entries.iter().collect();
    let mistakes = table(&every).err().unwrap_or_default();
    for (index, message) in &mistakes {
        let Some(Entry { record, route }) = entries.get(*index) else {
            continue;
        };
        let key = if message.contains(&format!("`{}`", route.path)) {
            "path"
        } else {
            "require"
        };
        let hint = match route.path.starts_with('/') {
            true => ABOUT_ROUTES.to_owned(),
            false => format!("did you mean `/{}`?", shown(&route.path)),
        };
        problems.error(&record.place(key), Mistake::from_message(message, &hint));
    }
    // Whether a route can be reached is asked only of those that are what they say.
    let right: Vec<&Entry<'_>> = entries
        .iter()
        .enumerate()
        .filter(|(index, entry)| {
            !entry.record.has_broken() && mistakes.iter().all(|(wrong, _)| wrong != index)
        })
        .map(|(_, entry)| entry)
        .collect();
    let Ok(table) = table(&right) else {
        return;
    };
    warn_of_preflights(&right, &table, problems);
    for (hidden, by) in table.unreachable() {
        let (Some(hidden), Some(by)) = (right.get(hidden), right.get(by)) else {
            continue;
        };
        problems.warning(
            &hidden.record.place,
            Mistake::new("no request can reach this route").hint(format!(
                "`{}` on line {} takes everything before it; put the narrower path first",
                by.route.path, by.record.place.at.line
            )),
        );
    }
}

/// An entry for `OPTIONS` decides about every preflight of its path.
fn warn_of_preflights(entries: &[&Entry<'_>], table: &RouteTable, problems: &mut Problems) {
    for entry in entries.iter().filter(|entry| entry.route.cors_preflight) {
        // The path itself stands for what is below it.
        let path = entry.route.path.trim_end_matches("/*");
        let path = if path.is_empty() { "/" } else { path };
        let Ok(decides) = table.find(&Method::OPTIONS, path) else {
            continue;
        };
        let Some(by) = entries.get(decides.index()) else {
            continue;
        };
        if by.route.path == entry.route.path && !by.route.cors_preflight {
            problems.warning(
                &entry.record.place("cors_preflight"),
                Mistake::new("no preflight passes by this entry").hint(format!(
                    "the entry on line {} takes every `OPTIONS` of this path; set it there",
                    by.record.place.at.line
                )),
            );
        }
    }
}

fn entry<'r>(record: &'r Record, problems: &mut Problems) -> Entry<'r> {
    let pass_credentials = record.text("credentials") == Some("pass");
    let access = match record.text("access") {
        Some("public") => Access::Public { pass_credentials },
        Some("optional") => Access::Optional,
        _ => Access::Required,
    };
    let public = matches!(access, Access::Public { .. }) || record.broken("access");
    if pass_credentials && !public {
        problems.error(
            &record.place("credentials"),
            Mistake::new("`credentials: pass` is for public routes only")
                .hint("add `access: public`, or take `credentials` out"),
        );
    }
    let cors_preflight = record.text("cors_preflight") == Some("pass");
    if cors_preflight && access != Access::Required {
        problems.warning(
            &record.place("cors_preflight"),
            Mistake::new("`cors_preflight: pass` changes nothing here")
                .hint("on this route a request without a token passes anyway; take it out"),
        );
    }
    let require = record
        .items("require")
        .iter()
        .filter_map(Item::record)
        .filter_map(rule)
        .collect();
    let route = RouteConfig {
        name: record.text("name").map(str::to_owned),
        path: record.text("path").unwrap_or("/").to_owned(),
        methods: record.texts("methods"),
        access,
        require,
        cors_preflight,
    };
    Entry { record, route }
}

fn rule(record: &Record) -> Option<Rule> {
    if record.has_broken() {
        return None;
    }
    let values = |name: &str| -> Option<Vec<Json>> {
        match &record.item(name)?.data {
            Data::List(items) => items.iter().map(json).collect(),
            _ => None,
        }
    };
    let condition = if let Some(values) = values("any_of") {
        Condition::AnyOf(values)
    } else if let Some(values) = values("all_of") {
        Condition::AllOf(values)
    } else {
        Condition::Equals(json(record.item("equals")?)?)
    };
    Some(Rule {
        claim: record.texts("claim"),
        condition,
    })
}

fn json(item: &Item) -> Option<Json> {
    match &item.data {
        Data::Json(value) => Some(value.clone()),
        _ => None,
    }
}
