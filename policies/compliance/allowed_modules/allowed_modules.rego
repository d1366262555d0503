# METADATA
# title: Only modules of the allow-list
# description: >-
#   A module brings resources, providers and provisioners that nobody here has read, and
#   what stands behind a tag can change overnight.
# related_resources:
#   - ref: https://developer.hashicorp.com/terraform/language/modules/sources
# custom:
#   id: COMP005
#   severity: critical
#   category: compliance
#   fix: >-
#     Take a source that the profile's `rules.modules` allows, or put the resources into the
#     blueprint.
#   unknown: >-
#     A source that is not a plain text is a violation: what will run must be certain.
package reconciler.rules.compliance.allowed_modules

import data.reconciler.lib

patterns := lib.param("modules", [])

# Module sources are not read across `..`, however the pattern is written.
allowed(source) if {
	is_string(source)
	not contains(source, "..")
	some pattern in patterns
	glob.match(pattern, ["/"], source)
}

violations contains lib.violation({"message": message, "at": module}) if {
	some module in input.terraform.modules
	source := object.get(module, "source", null)
	not allowed(source)
	message := sprintf("the module's source `%v` is not in the allow-list", [source])
}
