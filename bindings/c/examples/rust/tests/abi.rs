//! src/ffi.rs against the golden table of the C ABI in this repository: values, fields with their sizes, prototypes.
use std::collections::BTreeSet;
use std::fs;

fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn size_of(rust: &str) -> usize {
    match rust {
        "u32" | "i32" | "mr_status" => 4,
        "u64" | "i64" | "usize" => 8,
        "mr_str" | "mr_id" => 16,
        "[c_char; 512]" => 512,
        pointer if pointer.starts_with('*') => 8,
        other => panic!("{other} is new here: say its size"),
    }
}

fn c_type(rust: &str) -> String {
    if let Some(target) = rust.strip_prefix("*mut ") {
        return format!("{}*", c_type(target));
    }
    if let Some(target) = rust.strip_prefix("*const ") {
        return format!("const {}*", c_type(target));
    }
    match rust {
        "u32" | "u64" | "i64" => format!("{}_t", rust.replace('i', "int").replace('u', "uint")),
        "usize" => "size_t".into(),
        "c_char" => "char".into(),
        "c_int" => "int".into(),
        ours => ours.into(),
    }
}

/// `fn mr_x(a: *const mr_y) -> mr_status` as C writes it.
fn prototype(rust: &str) -> String {
    let (name, rest) = rust.split_once('(').expect("a prototype");
    let (arguments, result) = rest.split_once(')').expect("a prototype");
    let arguments: Vec<String> = arguments
        .split(',')
        .filter_map(|argument| argument.split_once(':'))
        .map(|(name, of)| format!("{} {}", c_type(of.trim()), name.trim()))
        .collect();
    let result = result.trim().strip_prefix("-> ").map_or("void".into(), c_type);
    format!("function {name} {result} {name}({})", arguments.join(", "))
}

#[test]
fn declarations_are_the_headers() {
    let golden = read("../../../../tests/abi/golden.txt");
    let golden: BTreeSet<&str> = golden.lines().collect();
    let source = format!("{}\n{}", read("src/ffi.rs"), read("src/ffi/event.rs"));
    let mut declared = Vec::new();
    for item in source.split("pub const ").skip(1) {
        let (name, rest) = item.split_once(':').unwrap();
        let value = rest.split_once('=').unwrap().1.split_once(';').unwrap().0;
        declared.push(format!("constant {name}{value}"));
    }
    for item in source.split("pub struct ").skip(1) {
        let (name, fields) = item.split_once('}').unwrap().0.split_once(" {").unwrap();
        let mut offset = 0_usize;
        for field in fields.split(",\n").filter_map(|field| field.trim().strip_prefix("pub ")) {
            let (field, of) = field.split_once(": ").unwrap();
            let size = size_of(of);
            offset += offset.wrapping_neg() % size.min(8); // as C aligns it
            declared.push(format!("field {name}.{field} {offset} {size}"));
            offset += size;
        }
        if offset > 0 {
            declared.push(format!("struct {name} {}", (offset + 7) / 8 * 8));
        }
    }
    declared.extend(source.split("pub fn mr_").skip(1).map(|item| {
        let declaration = item.split_once(';').unwrap().0.split_whitespace().collect::<Vec<_>>().join(" ");
        prototype(&format!("mr_{declaration}"))
    }));
    assert!(declared.len() > 150, "only {} were found", declared.len());
    let wrong: Vec<_> = declared.iter().filter(|line| !golden.contains(line.as_str())).collect();
    assert!(wrong.is_empty(), "not as in millrace.h: {wrong:#?}");
}
