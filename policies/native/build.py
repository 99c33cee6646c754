"""Compile the entry points and link them: `python -m policies.native.build OUT.so`. Needs numba and a C compiler."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from policies.native.entries import Entry, entries

# What numba's runtime would answer if a kernel allocated or raised; kernels do neither, so reaching one is a bug.
ABSENT = (
    "NRT_Free", "NRT_MemInfo_call_dtor", "numba_do_raise", "numba_gil_ensure", "numba_gil_release",
    "numba_runtime_build_excinfo_struct", "numba_unpickle",
)  # fmt: skip

# Numba counts the references to every array at every call of a helper. Ours are views of memory that others own, so
# there is nothing to count, and those calls are most of a short helper's time: they are left out.
COUNTING = re.compile(r"^\s*(?:tail )?call void @NRT_(?:incref|decref)\(.*$", re.MULTILINE)

# A helper is called for every replica, and calling one costs as much as its work.
HELPER = re.compile(r"^(define linkonce_odr (?!.*@NRT_).*) local_unnamed_addr(?: #\d+)? \{$", re.MULTILINE)


def build(out: Path) -> None:
    """Write the shared library to `out`, whole or not at all."""
    link(entries(), out)  # importing numba registers the processor with llvmlite


def link(functions: Sequence[Entry], out: Path) -> None:
    """Write compiled functions as one shared library, each under the name `weir_NAME`."""
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic"
    )
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folder, inputs = Path(scratch), list[str]()
        for name, function in functions:
            path = folder / f"{name}.o"
            path.write_bytes(machine.emit_object(_module(name, function, machine)))
            inputs.append(str(path))
        absent = folder / "absent.c"
        absent.write_text("#include <stdlib.h>\n" + "".join(f"void {n}(void){{abort();}}\n" for n in ABSENT))
        library = folder / "kernels.so"
        _linked([*inputs, str(absent)], library)
        library.replace(out)


def _module(name: str, function: Any, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """One entry point's LLVM module, its mangled symbol renamed to `weir_NAME`, its helpers inlined into it."""
    text, symbol = function._library.get_llvm_str(), function.native_name
    named = text.replace(f'"{symbol}"', symbol).replace(symbol, f"weir_{name}")
    module = llvm.parse_assembly(HELPER.sub(r"\1 alwaysinline {", COUNTING.sub("", named)))
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.inlining_threshold = 255  # the most that llvmlite passes on
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return module


def _linked(inputs: list[str], out: Path) -> None:
    command = ["cc", "-O2", "-shared", "-fPIC", "-Wl,--allow-multiple-definition", "-o", str(out), *inputs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"linking the kernels failed; is a C compiler installed? {done.stderr.strip()[:500]}")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
