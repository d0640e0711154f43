using System.Security.Cryptography;
using System.Text;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>What is the same in every dump of one problem, so that a thousand of them are one bucket.</summary>
/// <param name="Hash">Twelve hexadecimal digits of a SHA-256 over what follows.</param>
/// <param name="Title">The same for people, in one line. It may hold text from the dump.</param>
/// <remarks>
/// Made of the class, the name of the stop, the module that is named with its functions, and the kinds and names of the objects
/// of the first chain. Addresses, identifiers, ages, offsets in functions, versions and builds differ from dump to dump of one
/// problem, and are left out; so is how the dump was forced.
/// </remarks>
public sealed record VerdictSignature(string Hash, string Title)
{
    /// <summary>Functions of the stack that are a part of it: more would tell callers apart, and not problems.</summary>
    private const int MostFunctions = 3;

    private const int HashBytes = 6;

    /// <summary>The signature of a verdict; null where there is none to put into a bucket.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <param name="className">Its class in the words of the contract.</param>
    /// <param name="system">Tells what the objects of the chain are.</param>
    public static VerdictSignature? Of(Verdict verdict, string className, ISystemFacts system)
    {
        if (verdict.Class is VerdictClass.NoHang or VerdictClass.NotEnoughData)
            return null;
        List<string> parts = [];
        if (verdict.Class == VerdictClass.Crash && system.Stop is { } stop)
            parts.Add(stop.Name ?? stop.Title);
        if (verdict.Culprit is { } culprit)
            parts.Add(culprit.Module.Name);
        foreach (string function in Functions(verdict))
            if (!parts.Contains(function))
                parts.Add(function);
        if (verdict.Chains.Count > 0)
            parts.AddRange(Objects(verdict.Chains[0], system));
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts.Prepend(className))));
        return new VerdictSignature(Convert.ToHexStringLower(hash.AsSpan(0, HashBytes)),
            parts.Count == 0 ? className : $"{className}: {string.Join(", ", parts)}");
    }

    /// <summary>
    /// The functions from the module that is named outwards; without one, the innermost of the first stack that do more than
    /// wait. A circle has no first stack: which of its threads is told first depends on their ages.
    /// </summary>
    private static List<string> Functions(Verdict verdict)
    {
        List<string> functions = [];
        bool isCircle = verdict.Chains.Count > 0 && verdict.Chains[0].IsCycle;
        if (verdict.Stacks.Count == 0 || isCircle)
            return functions;
        bool isReached = verdict.Culprit?.Frame is null;
        foreach (FrameFacts frame in verdict.Stacks[0].Stack.Frames)
        {
            isReached |= frame.InstructionPointer == verdict.Culprit?.Frame?.InstructionPointer;
            if (!isReached || frame.IsWaitPrimitive || frame.Certainty == Certainty.Candidate || frame.Module is null or { IsUserMode: true })
                continue;
            if (functions.Count == MostFunctions)
                break;
            // Frames of a module without symbols are all called as it is.
            if (!functions.Contains(frame.Function))
                functions.Add(frame.Function);
        }
        return functions;
    }

    /// <summary>Kinds and names of the objects of a chain; those of a circle in an order that no thread decides.</summary>
    private static List<string> Objects(Chain chain, ISystemFacts system)
    {
        List<string> objects = [];
        // What waits for a circle is not a part of it: the chain comes to it where its last link stands first.
        bool isMember = !chain.IsCycle;
        foreach (ChainLink link in chain.Links)
        {
            isMember |= link.Reference == chain.Links[^1].Reference;
            if (!isMember)
                continue;
            if (chain.IsCycle && link is { Thread: not null, Process: { } process } && !objects.Contains(process.Name))
                objects.Add(process.Name);
            if (link.Thread is null && system.FindObject(link.Reference) is { } facts)
            {
                // Locks are named by whoever wrote the code; ports of messages and disks are not, and have another name elsewhere.
                bool isNamed = link.Reference.Kind is ObjectKind.Lock or ObjectKind.Event && facts.Name is not null;
                string name = isNamed ? $"{facts.Title} {facts.Name}" : facts.Title;
                if (!objects.Contains(name))
                    objects.Add(name);
            }
        }
        if (chain.IsCycle)
            objects.Sort(StringComparer.Ordinal);
        return objects;
    }
}
