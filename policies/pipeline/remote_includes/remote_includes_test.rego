package reconciler.rules.pipeline.remote_includes_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.pipeline.remote_includes as rule

test_deny_url if {
	count(rule.violations) == 1 with input as t.raw({"include": "https://example.com/ci.yml"})
}

test_deny_remote if {
	count(rule.violations) == 1 with input as t.raw({"include": [{"remote": "https://example.com/ci.yml"}]})
}

test_deny_branch if {
	count(rule.violations) == 1 with input as t.raw({"include": {"project": "platform/ci", "ref": "main", "file": "/a.yml"}})
}

test_deny_component_by_tag if {
	count(rule.violations) == 1 with input as t.raw({"include": [{"component": "gitlab.example.com/platform/ci/scan@1.0"}]})
}

test_allow_local if {
	count(rule.violations) == 0 with input as t.raw({"include": [{"local": "/ci/a.yml"}, "/ci/b.yml"]})
}

test_allow_pinned if {
	count(rule.violations) == 0 with input as t.raw({"include": [{"project": "platform/ci", "ref": "0123456789abcdef0123456789abcdef01234567", "file": "/a.yml"}]})
}

test_allow_integrity if {
	count(rule.violations) == 0 with input as t.raw({"include": [{"remote": "https://example.com/ci.yml", "integrity": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}]})
}

test_allow_none if {
	count(rule.violations) == 0 with input as t.base
}

test_deny_remote_of_a_child_pipeline if {
	count(rule.violations) == 1 with input as t.jobs({"child": {"trigger": {"include": [{"remote": "https://example.com/ci.yml"}]}}})
}

test_allow_local_child_pipeline if {
	count(rule.violations) == 0 with input as t.jobs({"child": {"trigger": {"include": "ci/child.yml"}}})
}
