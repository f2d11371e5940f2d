//! `routes:` and `strict_paths:`.

use super::problem::{Mistake, Place, Problems};
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

/// `None`: the key is not there, and everything needs a token.
pub(super) fn routes(
    root: &Record,
    strict: StrictPaths,
    problems: &mut Problems,
) -> Option<Vec<RouteConfig>> {
    if !root.given("routes") {
        return None;
    }
    let (places, routes): (Vec<Place>, Vec<RouteConfig>) = root
        .items("routes")
        .iter()
        .filter_map(Item::record)
        .filter_map(|record| Some((record.place.clone(), route(record, problems)?)))
        .unzip();
    check(&routes, &places, strict, problems);
    Some(routes)
}

/// The table itself says what it cannot take, so that the two cannot disagree.
fn check(routes: &[RouteConfig], places: &[Place], strict: StrictPaths, problems: &mut Problems) {
    match RouteTable::new(routes.to_vec(), strict) {
        Ok(table) => {
            for (hidden, by) in table.unreachable() {
                let (Some(place), Some(other)) = (places.get(hidden), places.get(by)) else {
                    continue;
                };
                let path = routes.get(by).map_or("", |route| &route.path);
                problems.warning(
                    place,
                    Mistake::new("no request can reach this route").hint(format!(
                        "`{path}` on line {} takes everything before it; put the narrower path first",
                        other.at.line
                    )),
                );
            }
        }
        Err(mistakes) => {
            for (index, message) in mistakes {
                if let Some(place) = places.get(index) {
                    problems.error(place, Mistake::from_message(&message));
                }
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
