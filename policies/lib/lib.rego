# METADATA
# title: What every rule uses
# description: >-
#   The shape of a violation, values that are not known yet, and the profile's parameters.
package reconciler.lib

# The one shape of a violation. `at` is what it is about: a resource, a data source, a provider,
# the pipeline; its path, line and address are taken over.
violation(found) := {
	"message": found.message,
	"path": object.get(found, ["at", "path"], ""),
	"line": object.get(found, ["at", "line"], 0),
	"resource": object.get(found, ["at", "address"], ""),
}

# What stands in the source as an expression that only a plan can tell.
unknown(value) if is_string(value["__unknown__"])

known(value) if not unknown(value)

# The text of an expression; nothing for a value that is known.
expression(value) := value["__unknown__"]

# A builtin that gets another type than it wants is an error, and an error is no verdict for any
# rule. So whatever comes from a source goes through one of these four first.
text(value) := value if is_string(value)

get(value, name, otherwise) := object.get(value, name, otherwise) if is_object(value)

get(value, _, otherwise) := otherwise if not is_object(value)

each(value) := value if {
	is_array(value)
} else := []

fields(value) := value if {
	is_object(value)
	known(value)
} else := {}

# A value that is there: neither absent nor null. Whether it is known does not matter.
given(values, _) if unknown(values)

given(values, name) if get(values, name, null) != null

# A switch that is off, or absent where absent means off. Unknown is not off.
off(values, name) if {
	known(values)
	get(values, name, null) in {null, false, "false"}
}

# A switch that is on for certain.
on(values, name) if get(values, name, null) in {true, "true"}

# A number, also where it was written as a text.
number(value) := value if is_number(value)

number(value) := to_number(value) if {
	is_string(value)
	regex.match(`^[0-9]{1,15}$`, value)
}

# Nested blocks: a list of them, or one alone. Absent, or unknown as a whole: none.
blocks(values, name) := [block | some block in value; is_object(block)] if {
	value := get(values, name, [])
	is_array(value)
} else := [value] if {
	value := get(values, name, [])
	is_object(value)
	known(value)
} else := []

# Whether a plan may bring blocks that the source does not show.
more_blocks(values, name) if unknown(get(values, name, []))

more_blocks(values, name) if {
	some block in blocks(values, name)
	unknown(block)
}

# One text or many, as a list of texts.
listed(value) := [one | some one in value; is_string(one)] if {
	is_array(value)
} else := [value] if {
	is_string(value)
} else := []

# A parameter of the profile's rules, or what holds without it: always the strict choice.
param(name, strict) := object.get(input.profile, ["rules", name], strict)

stage_in(name, strict) if input.environment.stage in param(name, strict)
