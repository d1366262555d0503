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

test_deny_options if {
	every line in [
		"docker run --mount type=bind,src=/var/run/docker.sock,dst=/s alpine",
		"docker run --mount=type=bind,source=/var/run/docker.sock,target=/s alpine",
		"docker run --mount \"source=/run/docker.sock,type=bind\" alpine",
		"docker run --cap-add=ALL alpine",
		"docker run --cap-add ALL alpine",
		"docker run --pid=host alpine",
		"docker run --pid host alpine",
		"docker run --privileged=true alpine",
		"docker run -it --privileged",
		"docker container run --privileged alpine",
		"docker run -v /var/run/docker.sock:/s alpine",
		"docker run --volume=/var/run/docker.sock:/s alpine",
		"docker run -e \"A=1;2\" --privileged alpine",
	] {
		count(rule.violations) == 1 with input as t.jobs({"build": {"script": [line]}})
	}
}

test_allow_near_misses if {
	every line in [
		"docker run --mount type=bind,src=/srv/data,dst=/data alpine",
		"docker run --cap-add=NET_BIND_SERVICE alpine",
		"docker run --pid=container:a alpine",
		"docker run --privileged=false alpine",
		"docker run --cap-drop=ALL alpine",
		"docker run alpine true; echo --privileged",
		"docker build --tag a .",
	] {
		count(rule.violations) == 0 with input as t.jobs({"build": {"script": [line]}})
	}
}
