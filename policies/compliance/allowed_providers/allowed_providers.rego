# METADATA
# title: Only providers of the allow-list, in the version that it names
# description: >-
#   A provider is a program that runs with the credentials of the plan. One that nobody
#   looked at can do anything, before anybody has approved anything.
# related_resources:
#   - ref: https://developer.hashicorp.com/terraform/language/providers/requirements
# custom:
#   id: COMP004
#   severity: critical
#   category: compliance
#   fix: >-
#     Take a provider and a version of the profile's `rules.providers`, or ask for yours to
#     be added.
#   unknown: >-
#     A source or version that is not a plain text is a violation: what will run must be
#     certain.
package reconciler.rules.compliance.allowed_providers

import data.reconciler.lib

allowed := {sprintf("%s %s", [one.source, one.version]) |
	some one in lib.param("providers", [])
}

violations contains lib.violation({"message": message, "at": provider}) if {
	some provider in input.terraform.providers
	wanted := sprintf("%s %s", [plain(provider, "source"), plain(provider, "version")])
	not wanted in allowed
	message := sprintf("`%s` is not in the allow-list", [wanted])
}

# Source addresses are written in several ways that mean the same.
plain(provider, "source") := trim_prefix(lower(provider.source), "registry.terraform.io/") if is_string(provider.source)

plain(provider, "version") := trim_space(trim_prefix(trim_space(provider.version), "=")) if is_string(provider.version)

plain(provider, field) := "(none)" if object.get(provider, field, null) == null

plain(provider, field) := "(unknown)" if {
	not is_string(provider[field])
	object.get(provider, field, null) != null
}
