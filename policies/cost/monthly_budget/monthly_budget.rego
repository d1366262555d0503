# METADATA
# title: The estimate is within the budget
# description: >-
#   The profile's `quotas.monthlyBudget.perEnvironment` is what an environment of the track
#   may cost in a month.
# related_resources:
#   - ref: https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
# custom:
#   id: COST001
#   severity: high
#   category: cost
#   fix: >-
#     Take a smaller size, or ask for another budget.
#   unknown: >-
#     An environment without an estimate is COST002's.
package reconciler.rules.cost.monthly_budget

import data.reconciler.lib

budget := input.profile.quotas.monthlyBudget.perEnvironment

violations contains lib.violation({"message": message}) if {
	is_number(budget)
	input.environment.monthly_cost > budget
	message := sprintf("about %v dollars a month, the budget is %v", [input.environment.monthly_cost, budget])
}
