namespace HangAnalysis.Linux.Symbols;

/// <summary>Where the tables of kallsyms lie.</summary>
/// <param name="Count">Address of <c>kallsyms_num_syms</c>.</param>
/// <param name="Names">Address of <c>kallsyms_names</c>.</param>
/// <param name="TokenTable">Address of <c>kallsyms_token_table</c>.</param>
/// <param name="TokenIndex">Address of <c>kallsyms_token_index</c>.</param>
/// <param name="Offsets">Address of <c>kallsyms_offsets</c>.</param>
/// <param name="RelativeBase">Address of <c>kallsyms_relative_base</c>.</param>
internal readonly record struct KallsymsTables(
    ulong Count, ulong Names, ulong TokenTable, ulong TokenIndex, ulong Offsets, ulong RelativeBase);
