//! When children are executed because the system gives no template that forks them.

/// After this many templates in a row that did not give a child, children are executed without trying a further one.
const MAX_FAILED_TEMPLATES: u32 = 3;

/// After this many executed children a template is tried again. What it failed of, such as a lack of memory, may be over,
/// and a template that fails takes little beside so many children.
const RETRY_AFTER: u32 = 500;

/// What is known of the templates of one extractor.
#[derive(Debug, Default)]
pub(crate) struct Fallback {
    /// Templates in a row that did not give a child.
    failed_templates: u32,
    /// Children that were executed since the last template was tried.
    executed: u32,
    /// Why the last template did not give a child.
    error: Option<String>,
}

impl Fallback {
    /// Whether the next child is to be forked by a template. Counts one that is not.
    pub(crate) fn allows_template(&mut self) -> bool {
        let is_allowed = self.failed_templates < MAX_FAILED_TEMPLATES || self.executed >= RETRY_AFTER;
        if !is_allowed {
            self.executed += 1;
        }
        is_allowed
    }

    /// A template that was started has given a child.
    pub(crate) fn on_success(&mut self) {
        *self = Self::default();
    }

    /// A template that was started has given no child.
    pub(crate) fn on_failure(&mut self, error: String) {
        let failed_templates = self.failed_templates.saturating_add(1);
        *self = Self { failed_templates, executed: 0, error: Some(error) };
    }

    /// Why the last template did not give a child; `None` where it did.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fallback, MAX_FAILED_TEMPLATES, RETRY_AFTER};

    #[test]
    fn a_template_is_tried_again_after_many_executed_children() {
        let mut fallback = Fallback::default();
        for _ in 0..MAX_FAILED_TEMPLATES {
            assert!(fallback.allows_template());
            fallback.on_failure("no memory".to_owned());
        }
        // Each further failure is followed by as many.
        for _ in 0..3 {
            for child in 0..RETRY_AFTER {
                assert!(!fallback.allows_template(), "{child}");
            }
            assert!(fallback.allows_template());
            fallback.on_failure("no memory again".to_owned());
        }
        assert_eq!(fallback.error(), Some("no memory again"));
        fallback.on_success();
        assert_eq!(fallback.error(), None);
        for _ in 0..=RETRY_AFTER {
            assert!(fallback.allows_template());
        }
    }
}
