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
	some text in split(replace(entry, "\\\n", " "), "\n")
}

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
