// For engines that call a function `fuzz` with bytes, as libFuzzer's do:
//
//   VFIOLAB_VARIANT=mlx5 npx jazzer fuzz-target.mjs corpus --includes vfiolab
//
// The variant is the one that VFIOLAB_VARIANT names, or mlx5. For a variant of your own, say which:
//
//   import { fuzzOf } from 'vfiolab/fuzz';
//   import { subjectOf } from 'vfiolab/lab';
//   export const fuzz = fuzzOf(subjectOf(variant, profiles));
export { fuzz } from 'vfiolab/fuzz';
