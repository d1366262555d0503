#!/bin/sh
# The main job on the sample repository: load, check and render every environment.
# Each command is shown before it runs.
set -eu

cd "$(dirname "$0")/.."
PATH="$(pwd)/.venv/bin:$PATH"
export PATH

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT INT TERM

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

cat <<'END'
This folder is itself an environments repository: environments/ on three tracks, their profiles,
teams and blueprints. The program reads them, checks them against each other, and renders the
Terraform and the pipeline of each environment.
END

show reconciler validate
show reconciler list
show reconciler show acme-portal
show reconciler render
show reconciler render pitch-acme --out "$rendered"
printf '\nThe first lines of what it wrote:\n\n'
head -n 40 "$rendered/pitch-acme/terraform/main.tf"

printf '\nA mistake, in a copy of this folder: it asks to live too long, and a field is misspelt.\n'
broken="$rendered/repository"
mkdir "$broken"
cp -R environments policies profiles templates reconciler.yaml "$broken"
python -c 'import pygit2, sys; pygit2.init_repository(sys.argv[1])' "$broken"
document="$broken/environments/demo/pitch-acme.yaml"
sed -e 's/  ttl: 72h/  ttl: 30d/' environments/demo/pitch-acme.yaml > "$document"
printf '  regoin: eu-central-1\n' >> "$document"
printf '\n$ reconciler validate --repo %s\n' "$broken"
if reconciler validate --repo "$broken"; then
    printf 'the demo expected problems here\n' >&2
    exit 1
fi

cat <<'END'

What to try next:
  . .venv/bin/activate
  reconciler render acme-portal | less
  reconciler init /tmp/my-environments && cd /tmp/my-environments
  reconciler new --track demo --name hello --owner team-sales --set image=hello:1
END
