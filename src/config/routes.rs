//! `routes:` and `strict_paths:`.

use super::problem::{Mistake, Problems};
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
    let (records, routes): (Vec<&Record>, Vec<RouteConfig>) = root
        .items("routes")
        .iter()
        .filter_map(Item::record)
        .filter_map(|record| Some((record, route(record, problems)?)))
        .unzip();
    check(&routes, &records, strict, problems);
    Some(routes)
}

/// The table itself says what it cannot take, so that the two cannot disagree.
fn check(
    routes: &[RouteConfig],
    records: &[&Record],
    strict: StrictPaths,
    problems: &mut Problems,
) {
    match RouteTable::new(routes.to_vec(), strict) {
        Ok(table) => {
            for (hidden, by) in table.unreachable() {
                let (Some(record), Some(other)) = (records.get(hidden), records.get(by)) else {
                    continue;
                };
                let path = routes.get(by).map_or("", |route| &route.path);
                problems.warning(
                    &record.place,
                    Mistake::new("no request can reach this route").hint(format!(
                        "`{path}` on line {} takes everything before it; put the narrower path first",
                        other.place.at.line
                    )),
                );
            }
        }
        Err(mistakes) => {
            for (index, message) in mistakes {
                let (Some(record), Some(route)) = (records.get(index), routes.get(index)) else {
                    continue;
                };
                let key = if message.contains(&format!("`{}`", route.path)) {
                    "path"
                } else {
                    "require"
                };
                problems.error(
                    &record.place(key),
                    Mistake::from_message(&message, ABOUT_ROUTES),
                );
            }
        }
    }
}

fn route(record: &Record, problems: &mut Problems) -> Option<RouteConfig> {
    let pass_credentials = record.text("credentials")? == "pass";
    let access = match record.text("access")? {
        "public" => Access::Public { pass_credentials },
        "optional" => Access::Optional,
        _ => Access::Required,
    };
    if pass_credentials && !matches!(access, Access::Public { .. }) {
        problems.error(
            &record.place("credentials"),
            Mistake::new("`credentials: pass` is for public routes only")
                .hint("add `access: public`, or take `credentials` out"),
        );
    }
    let require = record
        .items("require")
        .iter()
        .filter_map(Item::record)
        .filter_map(rule)
        .collect();
    Some(RouteConfig {
        name: record.text("name").map(str::to_owned),
        path: record.text("path")?.to_owned(),
        methods: record.texts("methods"),
        access,
        require,
    })
}

fn rule(record: &Record) -> Option<Rule> {
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
