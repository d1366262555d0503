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
	count(rule.violations) == 13 with input as t.jobs({"j0": {"script": ["docker run --mount type=bind,src=/var/run/docker.sock,dst=/s alpine"]}, "j1": {"script": ["docker run --mount=type=bind,source=/var/run/docker.sock,target=/s alpine"]}, "j2": {"script": ["docker run --mount \"source=/run/docker.sock,type=bind\" alpine"]}, "j3": {"script": ["docker run --cap-add=ALL alpine"]}, "j4": {"script": ["docker run --cap-add ALL alpine"]}, "j5": {"script": ["docker run --pid=host alpine"]}, "j6": {"script": ["docker run --pid host alpine"]}, "j7": {"script": ["docker run --privileged=true alpine"]}, "j8": {"script": ["docker run -it --privileged"]}, "j9": {"script": ["docker container run --privileged alpine"]}, "j10": {"script": ["docker run -v /var/run/docker.sock:/s alpine"]}, "j11": {"script": ["docker run --volume=/var/run/docker.sock:/s alpine"]}, "j12": {"script": ["docker run -e \"A=1;2\" --privileged alpine"]}})
}

test_allow_near_misses if {
	count(rule.violations) == 0 with input as t.jobs({"j0": {"script": ["docker run --mount type=bind,src=/srv/data,dst=/data alpine"]}, "j1": {"script": ["docker run --cap-add=NET_BIND_SERVICE alpine"]}, "j2": {"script": ["docker run --pid=container:a alpine"]}, "j3": {"script": ["docker run --privileged=false alpine"]}, "j4": {"script": ["docker run --cap-drop=ALL alpine"]}, "j5": {"script": ["docker run alpine true; echo --privileged"]}, "j6": {"script": ["docker build --tag a ."]}})
}
