// What Embind calls a type that it does not know, in an error that only a fault in control.cpp could bring. Its own way
// is sprintf, which would be 4 KB of the module for this one call.
extern "C" {

/// Embind's `sprintf(name, "%p", type)`, as the compiler calls it where there are no doubles.
int siprintf(char* out, const char*, ...) {
    constexpr char name[] = "a type";
    for (int i = 0;; ++i) {
        out[i] = name[i];
        if (name[i] == '\0') return i;
    }
}
}
