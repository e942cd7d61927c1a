#pragma once
// Arrays of numbers as floats: what vector, halfvec and sparsevec are cast from.
#include "pg.h"

namespace avq {

// Errors: more than one dimension, NULLs.
void refuse_matrix_and_nulls(const ArrayType* array);

// The elements of such an array, palloc'ed or the array's own. Errors: elements that are not
// integer, real, double precision or numeric. Doubles and numerics beyond float's range: infinite,
// or an error of the server's.
const float* read_numbers(ArrayType* array);

// A real[] of `count` zeros, and its elements.
ArrayType* new_float4_array(int count, float** elements);

}  // namespace avq
