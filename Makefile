# The few words a person types. Each target brings what it lacks (setup/) and
# calls cargo; there is nothing here that cannot be typed by hand.
.DEFAULT_GOAL := help
.PHONY: help demo test test-long fuzz lint bench train shapes eval eval-shapes eval-xrays arm64 web setup

CARGO ?= cargo

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## hospital, box and central on this machine, with pages for a browser (ONCE=1: run through and end)
	@setup/setup.sh demo
	$(CARGO) run --locked --bin bonebox -- demo $(if $(ONCE),--once) $(if $(JSON),--json $(JSON))

test: ## every test: the rooms, the house's rules, the box from outside
	@setup/setup.sh test
	@setup/tests.sh

test-long: ## the tests with long histories, many kills and power cuts, the units under systemd, the aarch64 build
	@BONEBOX_TEST_LONG=1 setup/setup.sh test
	@BONEBOX_TEST_LONG=1 setup/tests.sh
	$(CARGO) build --locked --bin bonebox
	@setup/boot.sh || [ $$? = 3 ]
	@setup/arm64.sh

fuzz: ## each fuzz target for a minute; what one finds is saved and replayed by the tests
	@setup/fuzz.sh

lint: ## format, clippy, forbidden crates, the house's rules, systemd units, scripts
	@setup/setup.sh lint
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked --all-targets --features test-hooks -- -D warnings
	$(CARGO) clippy --locked -- -D warnings
	@setup/lint.sh

bench: ## the promises about time and memory (benches/), in a release build
	@setup/setup.sh demo
	@setup/bench.sh

train: ## the models again from nothing (training/)
	@setup/setup.sh train
	/usr/bin/python3 -m unittest discover -s training
	training/train.sh

shapes: ## the forearm's shape model again from its invented subjects, to the same bytes
	$(CARGO) run --locked --release --bin bonebox -- build-shape --out models/forearm-shape

eval: eval-shapes eval-xrays ## both of the next two: B-test, whose every opening is written into docs/METHODS.md

eval-shapes: ## judge the shape model on bones of B-test
	$(CARGO) run --locked --release --bin bonebox -- evaluate-shape --generator B-test --subjects 50 --malunions 50 --log docs/METHODS.md --json docs/figures/shape-b-test.json

# Other people than eval-shapes': nobody's bone is judged twice.
eval-xrays: ## judge reconstruction from X-rays of B-test
	$(CARGO) run --locked --release --bin bonebox -- synth --generator B-test --subjects 50 --seed 1000 --out target/eval/b-test --log docs/METHODS.md
	$(CARGO) run --locked --release --bin bonebox -- evaluate target/eval/b-test --nearest 2000 --json docs/figures/xray-b-test.json

arm64: ## the box's binary for its hardware, started under an emulator
	@setup/arm64.sh

web: ## the browser's 3-D view again from web/ (needs node 20 and npm)
	cd web && npm ci --ignore-scripts && node build.mjs

setup: ## only bring what demo, test and lint need
	@setup/setup.sh test
	@setup/setup.sh lint
