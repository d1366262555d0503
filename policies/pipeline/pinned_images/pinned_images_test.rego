package reconciler.rules.pipeline.pinned_images_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.pipeline.pinned_images as rule

test_deny_tag if {
	count(rule.violations) == 1 with input as t.jobs({"plan": {"image": "registry.example.com/terraform:1.9"}})
}

test_deny_service if {
	count(rule.violations) == 1 with input as t.jobs({"test": {"services": ["postgres:16"]}})
}

test_deny_variable if {
	count(rule.violations) == 1 with input as t.jobs({"plan": {"image": {"name": "$IMAGE"}}})
}

test_allow_digest if {
	count(rule.violations) == 0 with input as t.raw({"default": {"image": "registry.example.com/terraform@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}})
}

test_allow_tag_in_dev if {
	count(rule.violations) == 0 with input as object.union(t.jobs({"plan": {"image": "alpine:3"}}), {"environment": {"stage": "dev"}})
}
