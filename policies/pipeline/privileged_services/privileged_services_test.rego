package reconciler.rules.pipeline.privileged_services_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.pipeline.privileged_services as rule

test_deny_service if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"image": "alpine", "services": ["docker:27-dind"]}})
}

test_deny_named_service if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"services": [{"name": "registry.example.com/docker:dind", "alias": "docker"}]}})
}

test_deny_default if {
	count(rule.violations) == 1 with input as t.raw({"services": ["docker:dind"]})
}

test_deny_privileged_run if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": ["docker run --rm --privileged alpine"]}})
}

test_allow_other_services if {
	count(rule.violations) == 0 with input as t.jobs({"test": {"services": ["postgres:16"], "script": ["docker run alpine true"]}})
}
