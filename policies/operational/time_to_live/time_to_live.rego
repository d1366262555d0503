# METADATA
# title: What is short-lived has an end
# description: >-
#   A demonstration that nobody takes away costs money for years. Where the profile has a
#   `ttl`, the environment has one too, within its maximum.
# related_resources:
#   - ref: https://docs.aws.amazon.com/wellarchitected/latest/cost-optimization-pillar/cost_decomissioning_resources_implement_process.html
# custom:
#   id: OPS005
#   severity: high
#   category: operational
#   fix: >-
#     Set `ttl` in the environment, at most what the profile allows.
#   unknown: >-
#     A time that is not there is a violation: the end must be certain.
package reconciler.rules.operational.time_to_live

import data.reconciler.lib

hours_of := {"s": 1 / 3600, "m": 1 / 60, "h": 1, "d": 24}

# `14d` or `72h`, as profiles write it.
hours(text) := to_number(trim_right(text, "smhd")) * hours_of[substring(text, count(text) - 1, 1)] if {
	regex.match(`^[0-9]{1,6}[smhd]$`, text)
}

violations contains lib.violation({"message": "the profile wants an end, and there is none"}) if {
	is_object(input.profile.ttl)
	not is_number(input.environment.ttl_hours)
}

violations contains lib.violation({"message": message}) if {
	is_number(input.environment.ttl_hours)
	most := hours(input.profile.ttl.maximum)
	input.environment.ttl_hours > most
	message := sprintf("it lives %v hours, the profile allows %s", [input.environment.ttl_hours, input.profile.ttl.maximum])
}
