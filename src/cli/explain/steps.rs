//! The list of steps with what became of each: the gate's own checks, and what comes before and after them.

use crate::verify::{Check, CheckLog};

/// Before the token is judged.
pub(super) const ROUTE: &str = "route";
pub(super) const REQUEST: &str = "request";
pub(super) const TOKEN: &str = "token";
/// After the token was judged.
pub(super) const ACCESS: &str = "access";
pub(super) const IDENTITY: &str = "identity";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepOutcome {
    Pass,
    Fail,
    Skipped,
}

impl StepOutcome {
    /// As `explain --json` prints it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub check: &'static str,
    pub outcome: StepOutcome,
    pub detail: String,
}

/// Every step, in the order of the walk; what nobody tells of was not reached.
pub(super) struct Steps(Vec<Step>);

impl Steps {
    pub(super) fn new() -> Self {
        let before = [ROUTE, REQUEST, TOKEN];
        let checks = Check::ALL.map(Check::name);
        let after = [ACCESS, IDENTITY];
        let all = before.into_iter().chain(checks).chain(after);
        Self(
            all.map(|check| Step {
                check,
                outcome: StepOutcome::Skipped,
                detail: "not reached".to_owned(),
            })
            .collect(),
        )
    }

    pub(super) fn pass(&mut self, check: &str, detail: impl Into<String>) {
        self.set(check, StepOutcome::Pass, detail.into());
    }

    pub(super) fn fail(&mut self, check: &str, detail: impl Into<String>) {
        self.set(check, StepOutcome::Fail, detail.into());
    }

    pub(super) fn skip(&mut self, check: &str, detail: impl Into<String>) {
        self.set(check, StepOutcome::Skipped, detail.into());
    }

    pub(super) fn skip_token_checks(&mut self, why: &str) {
        for check in Check::ALL {
            self.skip(check.name(), why);
        }
    }

    /// The verifier tells what passed; what it refused by is the check after the last of those.
    pub(super) fn fail_next_token_check(&mut self, detail: impl Into<String>) {
        let passed = |check: &Check| {
            self.0
                .iter()
                .any(|step| step.check == check.name() && step.outcome == StepOutcome::Pass)
        };
        let next = Check::ALL
            .iter()
            .rposition(passed)
            .map_or(0, |last| last + 1);
        if let Some(check) = Check::ALL.get(next) {
            self.fail(check.name(), detail);
        }
    }

    pub(super) fn list(&self) -> &[Step] {
        &self.0
    }

    fn set(&mut self, check: &str, outcome: StepOutcome, detail: String) {
        if let Some(step) = self.0.iter_mut().find(|step| step.check == check) {
            step.outcome = outcome;
            step.detail = detail;
        }
    }
}

impl CheckLog for Steps {
    fn passed(&mut self, check: Check, detail: &dyn Fn() -> String) {
        self.pass(check.name(), detail());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(steps: &Steps, check: &str) -> StepOutcome {
        steps
            .list()
            .iter()
            .find(|step| step.check == check)
            .unwrap()
            .outcome
    }

    #[test]
    fn the_check_after_the_last_passed_one_failed() {
        let mut steps = Steps::new();
        steps.passed(Check::Size, &|| "10 bytes".to_owned());
        steps.passed(Check::Structure, &|| "ok".to_owned());
        steps.fail_next_token_check("bad header");
        assert_eq!(outcome(&steps, "structure"), StepOutcome::Pass);
        assert_eq!(outcome(&steps, "header"), StepOutcome::Fail);
        assert_eq!(outcome(&steps, "claims"), StepOutcome::Skipped);
    }

    #[test]
    fn the_first_check_can_fail() {
        let mut steps = Steps::new();
        steps.fail_next_token_check("too large");
        assert_eq!(outcome(&steps, "size"), StepOutcome::Fail);
    }

    #[test]
    fn no_step_is_named_twice() {
        let steps = Steps::new();
        let mut names: Vec<&str> = steps.list().iter().map(|step| step.check).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), steps.list().len());
    }
}
