# SPDX-License-Identifier: GPL-2.0-or-later
#
#   make            set up .venv and generate from device_specs/ (the main job)
#   make test       set up and run everything that needs no download of another project
#   make test-qemu  the same types inside real QEMU trees and binaries (downloads QEMU's source)
#   make test-tools pages in a browser, specs in an editor's language server (from npm)
#   make test-vm    VFIO on a real kernel, in an emulated machine (downloads a kernel; QEMU)
#   make bench      what is measured
#   make bench-vm   what pyvfio costs beside C, in the machine of test-vm
#   make clean      take away .venv and what tools left behind; generated/ stays
#
# PYTEST_ARGS goes to pytest: make test-unit PYTEST_ARGS='-k publish -x'

bin := .venv/bin
PYTEST_ARGS ?=


.PHONY: generate
generate: .venv/.done
	$(bin)/qomgen generate

# bootstrap makes .venv and touches .done last, so a set-up that was killed is begun again.
.venv/.done: bootstrap pyproject.toml
	sh bootstrap

.PHONY: test
test: lint types imports check test-unit

.PHONY: lint
lint: .venv/.done
	$(bin)/ruff check .
	$(bin)/black --check --quiet --diff .

.PHONY: types
types: .venv/.done
	$(bin)/mypy

.PHONY: imports
imports: .venv/.done
	$(bin)/lint-imports

.PHONY: check
check: .venv/.done
	$(bin)/qomgen check

.PHONY: test-unit
test-unit: .venv/.done
	$(bin)/python -m pytest $(PYTEST_ARGS)

.PHONY: test-qemu
test-qemu: .venv/.done
	$(bin)/python -m pytest tests/qemu $(PYTEST_ARGS)

.PHONY: test-tools
test-tools: .venv/.done
	$(bin)/python -m pytest tests/tools $(PYTEST_ARGS)

.PHONY: test-vm
test-vm: .venv/.done
	$(bin)/python -m pytest tests/vm $(PYTEST_ARGS)

.PHONY: bench
bench: .venv/.done
	$(bin)/python bench/run.py

.PHONY: bench-vm
bench-vm: .venv/.done
	$(bin)/python -m bench.vm

# What mends the two lint targets; the hand that wrote the code reads the diff.
.PHONY: format
format: .venv/.done
	$(bin)/ruff check --fix .
	$(bin)/black --quiet .

.PHONY: clean
clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
