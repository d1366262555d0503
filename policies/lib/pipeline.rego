# METADATA
# title: The pipeline as data
# description: Jobs, their scripts, images and services.
package reconciler.lib.pipeline

import data.reconciler.lib

# Keywords of a pipeline that are no jobs.
keywords := {
	"cache", "default", "image", "include", "services", "spec", "stages", "variables",
	"workflow", "before_script", "after_script",
}

# What a violation is about.
place := {"path": lib.get(input.pipeline, "path", ""), "line": 0}

at(job) := object.union(place, {"address": job})

# Jobs, templates of jobs, and the default settings: whatever may hold a script.
parts[name] := job if {
	some name, job in lib.fields(input.pipeline.jobs)
	is_object(job)
}

parts[name] := job if {
	some name, job in lib.fields(input.pipeline.raw)
	not name in keywords - {"default"}
	is_object(job)
	not input.pipeline.jobs[name]
}

parts["(pipeline)"] := lib.fields(input.pipeline.raw)

# Every line of every script, with the job that it stands in.
lines contains {"job": name, "text": text} if {
	some name, part in parts
	some field in ["before_script", "script", "after_script", "hooks", "run"]
	some entry in flat(lib.get(part, field, []))
	some text in split(joined(entry), "\n")
}

# A command goes on after a backslash, and after a pipe or `&&` that ends its line.
joined(entry) := regex.replace(
	replace(entry, "\\\n", " "),
	`(\||\|&|&&)[ \t\r]*(#[^\n]*)?\n[ \t\r\n]*`, "${1} ",
)

# A script is a text, a list of texts, or lists in lists as deep as they please.
flat(value) := [text | walk(value, [_, text]); is_string(text)]

# Every image, also those of services, as a text.
images contains {"job": name, "image": image} if {
	some name, part in parts
	image := image_of(lib.get(part, "image", null))
}

images contains {"job": name, "image": image} if {
	some name, part in parts
	some service in lib.each(lib.get(part, "services", []))
	image := image_of(service)
}

image_of(value) := value if is_string(value)

image_of(value) := value.name if is_string(value.name)

# What a message quotes of a line: 60 characters at most, and nothing of what follows a header, a
# user, or a word like token or password.
quoted(line) := clipped(trim_space(concat("", [head, "..."]))) if {
	some head in regex.find_n(before_secret, without_users(line), 1)
} else := clipped(trim_space(without_users(line)))

clipped(text) := text if {
	count(text) <= 60
} else := concat("", [substring(text, 0, 57), "..."])

without_users(line) := regex.replace(line, `://[^/\s@]*@`, "://...@")

before_secret := `^.*?([ \t]-[A-Za-z]*[Hu]|--(header|user|proxy-user|proxy-header|cookie|data)|://[^\s"'?]*\?|(?i:token|passw|passphrase|_pass|pwd|secret|authorization|bearer|credential|(api|access|private)[_-]?key))`

# Parts of regular expressions about shell commands. They stay small: an engine limits what one
# regular expression may become.
directory := `["'\\]?([A-Za-z0-9_.~/-]*/)?`

shell := `((ba|z|da|k|a)?sh|\$\{?(SHELL|BASH)\}?)["']?`

interpreter := `(python[0-9.]*|perl|ruby|node|nodejs|php)["']?`

shell_options := `([ \t]+(-[abdefhiklmnoptuvxBCEHPT]+|\+[a-z]+|--|--(login|posix|norc|noprofile|verbose|noediting)|pipefail|errexit|nounset|xtrace))*`

# `in[p]ut`: a word `input` here would look as if the answer rested on the time or the change.
interpreter_options := `([ \t]+(-[uBEsSIOqwW]+|--(in[p]ut-type|no-warnings)[=a-z-]*))*`

# A word that no other word goes on before.
start := `(^|[ \t;|&("'\x60/{=])`

# Where a command ends, or says that its program is the standard input.
from_input := `(["'\x60)}]|[ \t]*([|;&)\x60<>}#]|$)|[ \t]+[0-9][<>]|[ \t]+-([ \t"'\x60)|;&]|$)|[ \t]+["']?/(dev/stdin|dev/fd/0|proc/self/fd/0))`

prefixes := [
	`^[ \t]*([({!]|(then|do|else|if|while|until)[ \t])[ \t({!]*`,
	`^[ \t]*([A-Za-z0-9_./-]*/)?(sudo|doas|env|exec|timeout|nohup|nice|ionice|command|builtin|time|stdbuf|setsid|busybox|xargs)[ \t]+`,
	`^[ \t]*[A-Za-z_][A-Za-z0-9_]*=[A-Za-z0-9_.,:/@%+"'$-]*[ \t]+`,
]

prefix_option := `^([ \t]*(-[ugpnksCIL][ \t]+[A-Za-z0-9_.{}-]+|-[A-Za-z0-9_.{}=,/-]+|[0-9][0-9.]*[smhd]?|[A-Za-z_][A-Za-z0-9_]*=[A-Za-z0-9_.,:/@%+"'$-]*)[ \t]+)*`

# A command without what may stand before the program that it runs, as `sudo -E timeout 9`.
bare(command) := trim_space(stripped(stripped(stripped(stripped(command)))))

stripped(command) := regex.replace(regex.replace(command, prefixes[0], ""), prefixes[2], "") if {
	not regex.match(prefixes[1], command)
} else := regex.replace(regex.replace(command, prefixes[1], ""), prefix_option, "")

# A command that runs what it reads.
reads_program(command) if {
	regex.match(concat("", [`^`, directory, shell, shell_options, `(`, from_input, `|[ \t]+-[A-Za-z]*s)`]), bare(command))
}

reads_program(command) if {
	regex.match(concat("", [`^`, directory, interpreter, interpreter_options, from_input]), bare(command))
}

reads_program(command) if regex.match(`^(source|\.)[ \t]+/dev/(stdin|fd/0)`, bare(command))

# The commands of a line, in order: once as the shell reads quotes, once with no regard to them,
# since a quoted text may be a script.
commands(line) := [
	regex.find_n(`([^;&"']|"[^"]*"|'[^']*'|["'])+`, plain(line), -1),
	regex.split(`[;&]`, plain(line)),
]

# The commands of a pipe, in order.
stages(command) := [
	regex.find_n(`([^|"']|"[^"]*"|'[^']*'|["'])+`, command, -1),
	split(command, "|"),
]

# `||` ends a command; `|&` and `>(` are pipes; `2>&1` is neither.
plain(line) := regex.replace(regex.replace(
	regex.replace(line, `[0-9]?[<>]&[0-9-]|&>`, " > "),
	`\|\|`, ";",
), `\|&|>\(`, "|")

# Every pipe of a line.
pipes(line) := {pipe |
	some reading in commands(line)
	some command in reading
	contains(command, "|")
	some pipe in stages(command)
}
