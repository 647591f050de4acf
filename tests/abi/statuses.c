/* Prints what the library says of every status, and of numbers that are none: a line each, its parts parted by tabs. */
#include <stdio.h>

#include "millrace.h"

int main(void) {
    for (mr_status status = -1; status <= 100; ++status) {
        printf("%d\t%s\t%d\t%d\t%s\t%s\n", (int)status, mr_status_name(status), mr_retryable(status),
               mr_is_fatal(status), mr_strerror(status), mr_advice(status));
    }
    return 0;
}
