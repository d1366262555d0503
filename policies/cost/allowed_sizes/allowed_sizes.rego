# METADATA
# title: The size is one that the profile allows
# description: >-
#   The profile's `allowed.sizes` keeps a demonstration from being built like production; an
#   empty list allows all.
# related_resources:
#   - ref: https://docs.aws.amazon.com/wellarchitected/latest/cost-optimization-pillar/welcome.html
# custom:
#   id: COST004
#   severity: medium
#   category: cost
#   fix: >-
#     Take one of the sizes that the profile allows.
package reconciler.rules.cost.allowed_sizes

import data.reconciler.lib

violations contains lib.violation({"message": message}) if {
	count(input.profile.allowed.sizes) > 0
	size := input.environment.parameters.size
	not size in input.profile.allowed.sizes
	message := sprintf("the size is `%v`; allowed: %s", [size, concat(", ", input.profile.allowed.sizes)])
}
