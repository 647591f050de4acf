# How all of ours is compiled for WebAssembly. Link-time optimisation takes 5 % off a module (nothing is installed from
# here), and so does inlining what is smaller than its call, which emcc turns off at -Oz.
# The extensions are in every runtime since 2021 (Node 16): copies and conversions are instructions in place of calls.
set(wasm_options -flto -finline-functions -mbulk-memory -msign-ext -mnontrapping-fptoint)
add_compile_options(${wasm_options})
add_link_options(${wasm_options})

# How every WebAssembly module of ours is linked: the npm package's, and the replay of traces, so that what runs there
# is what is shipped.
set(MILLRACE_WASM_LINK_OPTIONS
  -fno-exceptions
  -fno-rtti
  --no-entry
  -sDYNAMIC_EXECUTION=0         # edge runtimes forbid eval
  -sFILESYSTEM=0                # there is none
  -sENVIRONMENT=web             # one glue for all hosts: the loader hands it a compiled module
  -sMODULARIZE=1
  -sEXPORT_ES6=1
  -sUSE_ES6_IMPORT_META=0       # import.meta throws in workerd
  -sINITIAL_MEMORY=1MB
  -sALLOW_MEMORY_GROWTH=1
  -sABORTING_MALLOC=0           # a refusal is a typed error
  -sMALLOC=emmalloc             # a fifth of dlmalloc's size
  -sINCOMING_MODULE_JS_API=instantiateWasm,onAbort # of what a host may hand over, all that ours do
  -sTOTAL_STACK=64KB)
