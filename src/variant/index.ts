/**
 * What a variant driver is written with: untrusted values and safeguards, the declared parent, the declared migration
 * format, and the dossier that follows from them.
 * @module
 */
export {
  type Argument,
  type Arguments,
  device,
  type Given,
  kernel,
  opaque,
  type Received,
  type Source,
  userDerived,
} from './argument.ts';
export {
  allSafeguards,
  type Dossier,
  type DossierArgument,
  type DossierField,
  type DossierFormat,
  type DossierInteraction,
  type DossierSafeguard,
  dossierOf,
} from './dossier.ts';
export { dossierMarkdown, dossierText } from './dossier-render.ts';
export type { EmulatedVariant } from './emulated.ts';
export {
  boundaryValues,
  type CheckedValues,
  FIELD_WIDTH,
  type FieldDeclaration,
  type Fields,
  type FieldType,
  type FieldValue,
  type FieldValues,
} from './field.ts';
export type { Choose, FormatRow, MigrationFormat, Mutation, StreamFault } from './format.ts';
export {
  defineParent,
  type ErrorRule,
  type Interaction,
  type Interactions,
  Parent,
  type ParentDeclaration,
  type ParentEvent,
  type ParentImplementation,
  type ParentObserver,
  type ParentObservers,
  type ResultOf,
  type Returned,
  returns,
  type Scope,
} from './interaction.ts';
export type {
  BlockDeclaration,
  Blocks,
  CheckedSection,
  LayoutDefinition,
  SectionDeclaration,
} from './layout-declaration.ts';
export { LayoutFormat, layoutFormat } from './layout-format.ts';
export { type ParentlessVariant, parentlessVariant } from './parentless.ts';
export type {
  FieldsHandler,
  FieldsPayload,
  OpaqueHandler,
  OpaquePayload,
  RecordDeclaration,
  RecordFormatDefinition,
  RecordHandlers,
  Records,
} from './record-declaration.ts';
export { type DecoderPlan, RecordDecoder } from './record-decoder.ts';
export { RecordFormat, recordFormat } from './record-format.ts';
export type { SplitStream } from './record-stream.ts';
export {
  type AnySafeguard,
  defineSafeguards,
  type Safeguard,
  type SafeguardDefinition,
  type Safeguards,
  switchOff,
  withoutSafeguard,
} from './safeguard.ts';
export { placesOf } from './safeguard-places.ts';
export { fromUser, passes, type Untrusted } from './untrusted.ts';
export { type ByteSink, byteLength, cut, store } from './untrusted-bytes.ts';
export { pieceFromUser, type UserPiece } from './user-memory.ts';
export {
  type DeclaredVariant,
  parentData,
  type RegionChange,
  type SriovControl,
  type TrustedInput,
  type VariantDeclaration,
  type VariantDependencies,
  type VariantDrivers,
  type VariantModule,
} from './variant.ts';
