# METADATA
# title: The entrypoint
# description: Every rule's violations, by category and rule. It is the one thing that is asked.
package reconciler.main

violations[key] := found if {
	some category, rule
	found := data.reconciler.rules[category][rule].violations
	key := concat("/", [category, rule])
}
