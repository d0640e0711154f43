namespace HangAnalysis.Linux.Waits;

/// <summary>A word on a waiting task's stack that names the task itself: part of the structure by which it waits.</summary>
/// <param name="Address">Address of the word.</param>
/// <param name="Function">The function in whose frame it lies, without its module.</param>
/// <param name="Frame">Number of that frame; 0 is the innermost.</param>
internal readonly record struct StackWaiter(ulong Address, string Function, int Frame);
