#!/bin/sh
# Takes pictures of every page of a running dashboard, wide and phone, in both
# languages, with plain headless Chromium.
#   docs/pictures/take.sh http://127.0.0.1:8080 FOLDER [NAME=PATH ...]
# Without NAME=PATH: the list, health, about, and the study at the list's top.
set -eu
base=${1:?base address} folder=${2:?folder}
shift 2
chromium=${CHROMIUM:-chromium}
mkdir -p "$folder"
if [ $# -eq 0 ]; then
  study=$(curl -fsS "$base/" | grep -o '/studies/[0-9a-f]*/[0-9]*' | head -n 1)
  set -- "list=/" "health=/health" "about=/about" ${study:+"study=$study"}
fi
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
for page in "$@"; do
  name=${page%%=*} path=${page#*=}
  mark='?'; case $path in *\?*) mark='&';; esac
  for language in ja en; do
    for width in 1280 412; do
      height=${HEIGHT:-1000}
      file=$folder/$name-$language-$width.png
      "$chromium" --headless --no-sandbox --use-angle=swiftshader \
        --enable-unsafe-swiftshader --hide-scrollbars --disable-extensions \
        --user-data-dir="$profile" --lang=$language --timeout=9000 \
        --window-size="$width,$height" --screenshot="$file" \
        "$base$path${mark}lang=$language" >"$profile/log" 2>&1 || { cat "$profile/log"; exit 1; }
      echo "$file"
    done
  done
done
