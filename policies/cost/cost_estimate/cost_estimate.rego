# METADATA
# title: Where there is a budget there is an estimate
# description: >-
#   A budget cannot be held when nobody knows what an environment costs.
# related_resources:
#   - ref: https://docs.aws.amazon.com/cost-management/latest/userguide/what-is-costmanagement.html
# custom:
#   id: COST002
#   severity: medium
#   category: cost
#   fix: >-
#     Give the blueprint a `monthlyCost` for this size.
#   unknown: >-
#     No estimate is the violation itself: the budget needs certainty.
package reconciler.rules.cost.cost_estimate

import data.reconciler.lib

violations contains lib.violation({"message": "there is a budget, and no estimate of the cost"}) if {
	is_number(input.profile.quotas.monthlyBudget.perEnvironment)
	not is_number(input.environment.monthly_cost)
}
