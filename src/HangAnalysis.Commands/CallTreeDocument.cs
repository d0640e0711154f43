using HangAnalysis.Analysis;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges a tree of calls: a paragraph for each piece without a branch, below the one it comes from.</summary>
internal static class CallTreeDocument
{
    private const int Step = 3;

    /// <summary>No branch stands further to the right: the margin would be left to single words.</summary>
    private const int DeepestIndent = 60;

    /// <summary>The lines of the tree, with the number of its roots.</summary>
    public static IEnumerable<Block> Arrange(CallTree tree)
    {
        if (tree.Roots > 0)
            yield return new LineBlock([new Span("Calls in common, from the outermost function:", Tone.Strong)], []);
        Stack<(CallBranch Parent, int Next, int Indent)> open = new([(tree.Top, 0, Step)]);
        while (open.TryPop(out (CallBranch Parent, int Next, int Indent) at))
        {
            if (at.Next == at.Parent.Branches.Count)
            {
                if (at.Parent.HiddenBranches > 0)
                    yield return new LineBlock(
                        [new Span($"… {at.Parent.HiddenBranches:N0} more with {Threads(at.Parent.HiddenThreads)}", Tone.Muted)],
                        [], at.Indent);
                continue;
            }
            open.Push((at.Parent, at.Next + 1, at.Indent));
            CallBranch branch = at.Parent.Branches[at.Next];
            int digits = $"{at.Parent.Branches[0].Threads:N0}".Length;
            yield return Line(branch, at.Indent, digits);
            open.Push((branch, 0, Math.Min(at.Indent + Step, DeepestIndent)));
        }
        if (tree.CutThreads > 0)
            yield return new LineBlock([$"the stacks of {Threads(tree.CutThreads)} are not followed to their ends: " +
                $"the tree has {CallTree.MostNodes:N0} functions"], []);
        if (tree.Roots > 0)
            yield return new BlankBlock();
        yield return new LineBlock([$"==> {tree.Roots:N0} root{(tree.Roots == 1 ? "" : "s")}"], []);
        yield return new BlankBlock();
    }

    private static LineBlock Line(CallBranch branch, int indent, int digits)
    {
        List<Span> spans = [new Span($"{branch.Threads:N0}".PadLeft(digits), Tone.Strong), " "];
        for (int i = 0; i < branch.Functions.Count;)
        {
            int same = 1;
            while (i + same < branch.Functions.Count && branch.Functions[i + same] == branch.Functions[i])
                same++;
            string times = same > 1 ? $" ({same} times)" : "";
            spans.Add($"{(i == 0 ? "" : " -> ")}{branch.Functions[i]}{times}");
            i += same;
        }
        bool isMixed = branch.Branches.Count + branch.HiddenBranches > 0;
        if (isMixed && branch.EndingThreads > 0)
            spans.Add(new Span($" ({branch.EndingThreads:N0} end here)", Tone.Muted));
        return new LineBlock(spans, [], indent, digits + 1);
    }

    private static string Threads(int count) => $"{count:N0} thread{(count == 1 ? "" : "s")}";
}
